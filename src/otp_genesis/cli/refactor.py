"""`genesis otp plan` and `genesis otp refactor`: the shipped documents, run with words around."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otp_genesis.cli.colours import coloured
from otp_genesis.cli.rules_in_use import rules_in_use
from otp_genesis.errors import EnvironmentLacks, UsageError

if TYPE_CHECKING:
    from otp_genesis.model.run import RunReport
    from otp_genesis.runtime import Runtime

GOAL = "Make this application survive the crash of any of its processes"

Goal = Annotated[str, typer.Option(help="What the refactor is for; it heads the plan.")]
Only = Annotated[str | None, typer.Option(metavar="RULE,…", help="Codes or names of rules.")]
MaxItems = Annotated[int, typer.Option(min=0, help="So many items at most; 0 means all.")]
ProviderName = Annotated[str | None, typer.Option("--provider", help="Ask this provider.")]


def plan(
    path: Annotated[Path, typer.Argument(help="A mix project, or a repomix file.")],
    out: Annotated[Path, typer.Option(help="The folder for the plan's documents.")],
    goal: Goal = GOAL,
    only: Only = None,
    provider: ProviderName = None,
) -> None:
    """Write the staged plan: five documents and plan.json. Changes nothing else."""
    with tempfile.TemporaryDirectory(prefix="genesis-") as scratch:
        project = _project_folder(path, Path(scratch))
        documents = _planned(project, goal, only, provider)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for document in documents:
            (out / document["name"]).write_text(document["content"], encoding="utf-8")
    except OSError as error:
        raise EnvironmentLacks(f"cannot write to {out}: {error.strerror}") from None
    for document in documents:
        print(out / document["name"])


def _planned(
    project: Path, goal: str, only: str | None, provider: str | None
) -> list[dict[str, str]]:
    from otp_genesis.cli.otp import rule_names
    from otp_genesis.cli.run import carried_out
    from otp_genesis.history import new_run_id
    from otp_genesis.otp.plugin import PLAN

    run_id = new_run_id()
    inputs = {"goal": goal, "only": rule_names(only, rules_in_use())}

    async def work(runtime: Runtime) -> RunReport:
        return await runtime.run(
            PLAN, inputs, run_id=run_id, workspace=str(project), provider=provider
        )

    report = carried_out(work, run_id, quiet=False)
    if report.error:
        raise UsageError(report.error.message)
    return list(report.outputs["documents"])


def _project_folder(path: Path, scratch: Path) -> Path:
    """Return the folder to plan for, unpacking a repomix file into `scratch`."""
    from otp_genesis.errors import NotAProject
    from otp_genesis.otp.repomix import unpacked

    if path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        folder = scratch / path.stem
        for name, body in unpacked(text, str(path)).items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(body, encoding="utf-8")
        path = folder
    if not (path / "mix.exs").is_file():
        raise NotAProject(str(path), "there is no mix.exs")
    return path


def refactor(
    path: Annotated[Path, typer.Argument(help="The folder of a mix project.")],
    goal: Goal = GOAL,
    only: Only = None,
    max_items: MaxItems = 0,
    max_attempts: Annotated[int, typer.Option(min=1, help="Repairs tried for one item.")] = 3,
    provider: ProviderName = None,
    branch: Annotated[str | None, typer.Option(help="The branch for the commits.")] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask before anything is changed.")] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Answer every gate yes.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    run_id: Annotated[str | None, typer.Option(help="The new run's id.")] = None,
) -> None:
    """Repair what can be repaired, one verified commit an item, on a branch of its own."""
    from otp_genesis.cli.otp import rule_names
    from otp_genesis.cli.otp_render import refactor_summary
    from otp_genesis.cli.run import carried_out
    from otp_genesis.errors import NotAProject
    from otp_genesis.history import new_run_id
    from otp_genesis.otp.plugin import MASTER
    from otp_genesis.otp.verify_settings import VerifySettings
    from otp_genesis.settings import load_settings

    if not (path / "mix.exs").is_file():
        raise NotAProject(str(path), "there is no mix.exs" if path.is_dir() else "no such folder")
    chosen = rule_names(only, rules_in_use())
    if dry_run:
        return _dry_run(path, goal, only, max_items, as_json)
    identity = run_id or new_run_id()
    inputs = {
        "project": str(path.resolve()), "goal": goal, "branch": branch or "", "ask": ask,
        "only": chosen, "max_items": max_items, "max_attempts": max_attempts,
    }  # fmt: skip

    async def work(runtime: Runtime) -> RunReport:
        return await runtime.run(
            MASTER, inputs, run_id=identity, provider=provider, approve=approve
        )

    settings = load_settings(path)
    settings.section("verify", VerifySettings)
    report = carried_out(work, identity, quiet=as_json, ask=not as_json, settings=settings)
    result = refactor_json(report, str(path.resolve()))
    if as_json:
        print(json.dumps(result, indent=2))
    elif report.outputs.get("report"):
        shown = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if shown else 140
        print(refactor_summary(report.outputs["report"], width=width, colour=coloured()))
    else:
        _tell_failure(report)
    if result["status"] in ("partial", "failed"):
        raise typer.Exit(1)


def _tell_failure(report: RunReport) -> None:
    if report.question:
        print(f"it asks: {report.question}", file=sys.stderr)
        print(f"answer with: genesis runs answer {report.run_id} approve", file=sys.stderr)
    elif report.error and report.error.path.endswith("/usable"):
        print(f"error: {report.error.message}", file=sys.stderr)
        print("nothing was changed; mend it, commit, and run this again", file=sys.stderr)
        return
    elif report.error:
        print(f"error: {report.error.path}: {report.error.message}", file=sys.stderr)
    print(f"go on with: genesis run --resume {report.run_id}", file=sys.stderr)


def refactor_json(report: RunReport, project: str) -> dict[str, Any]:
    """Return a refactor's end as scripts read it."""
    made = report.outputs.get("report") or {}
    keys = ("id", "rule", "file", "line", "status", "attempts", "commit", "by", "reason")
    items = [{key: item[key] for key in keys} for item in made.get("items", ())]
    return {
        "version": 1,
        "run_id": report.run_id,
        "project": project,
        "branch": made.get("branch") or None,
        "base": made.get("base"),
        "status": made.get("status", "failed"),
        "items": items,
        "verification": {"baseline": made.get("baseline"), "final": made.get("final")},
        "usage": report.usage.model_dump(),
        "report": made.get("report"),
        "notes": list(made.get("notes", ())),
        "unparsed": list(made.get("unparsed", ())),
        "error": report.error.message if report.error else report.question,
    }


def _dry_run(path: Path, goal: str, only: str | None, max_items: int, as_json: bool) -> None:
    from otp_genesis.otp.plan import Plan, limited

    documents = {one["name"]: one["content"] for one in _planned(path, goal, only, None)}
    plan = limited(Plan.model_validate_json(documents["plan.json"]), max_items)
    for note in _notes(path):
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        print(plan.model_dump_json(indent=2))
        return
    for item in plan.items:
        print(f"{item.id} {item.rule} {item.file}:{item.line} ({item.by})")
        print(f"    {item.flaw}")
    print(f"{len(plan.items)} items; nothing was changed")


def _notes(path: Path) -> list[str]:
    """Return what of the files that a dry run looks at a refactor would not see."""
    import asyncio

    from otp_genesis.codebase.repository import Repository, find_repository
    from otp_genesis.settings import load_settings

    async def ask() -> list[str]:
        found = await find_repository(path.resolve(), load_settings(path).environ, base=None)
        return await found.notes() if isinstance(found, Repository) else []

    return asyncio.run(ask())
