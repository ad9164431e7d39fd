"""`genesis otp`: find, explain, plan, repair."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from otp_genesis.cli import otp_tree, refactor
from otp_genesis.cli.colours import coloured
from otp_genesis.cli.opened import PLUGINS
from otp_genesis.cli.rules_in_use import rules_in_use

if TYPE_CHECKING:
    from otp_genesis.otp.folder import Sources
    from otp_genesis.otp.rule import Rule
    from otp_genesis.otp.scan import Report

app = typer.Typer(help="Find, explain, plan and repair OTP flaws.", no_args_is_help=True)
app.command("tree")(otp_tree.tree)
app.command("plan")(refactor.plan)
app.command("refactor")(refactor.refactor)

Severity = Literal["critical", "high", "medium", "low", "info"]
Only = Annotated[str | None, typer.Option(metavar="RULE,…", help="Codes or names of rules.")]


@app.command()
def scan(
    path: Annotated[Path, typer.Argument(help="The folder of a mix project.")],
    output: Annotated[
        Literal["text", "json", "sarif", "html"], typer.Option("--format", help="How to print.")
    ] = "text",
    only: Only = None,
    fail_on: Annotated[
        Severity | None, typer.Option(help="Exit with 1 for a finding this grave or graver.")
    ] = None,
    changed_since: Annotated[
        str | None, typer.Option(metavar="REV", help="Findings in files changed since REV only.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that read files.")] = 1,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Read every file anew.")] = False,
    baseline: Annotated[
        Path | None, typer.Option(help="Tell only findings that this file does not know.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(help="Write all findings to this file, and end with 0.")
    ] = None,
    plugins: PLUGINS = None,
) -> None:
    """Find OTP flaws; needs no Elixir and changes nothing."""
    from otp_genesis.otp.rule import SEVERITIES
    from otp_genesis.otp.scan_settings import ScanSettings
    from otp_genesis.settings import load_settings

    settings = load_settings(path)
    wanted = settings.section("scan", ScanSettings)
    known = rules_in_use(plugins)
    project, report = _scanned(
        path, rule_names(only, known), known, jobs, None if no_cache else settings.home
    )
    report = wanted.applied(report, known, str(settings.source))
    if changed_since is not None:
        changed = changed_files(path, changed_since)
        kept = tuple(one for one in report.findings if one.file in changed)
        report = report.model_copy(update={"findings": kept})
    if write_baseline is not None:
        return _write_baseline(write_baseline, report)
    if baseline is None and wanted.baseline is not None and settings.source is not None:
        baseline = settings.source.parent / wanted.baseline
    if baseline is not None:
        report = _without_known(report, baseline)
    _tell(output, _printed(output, report, project, path.resolve().name, known))
    worst = fail_on or wanted.fail_on
    grave = SEVERITIES[: SEVERITIES.index(worst) + 1] if worst else ()
    if any(finding.severity in grave for finding in report.findings):
        raise typer.Exit(1)


def _scanned(
    path: Path, only: list[str], known: tuple[Rule, ...], jobs: int, home: Path | None
) -> tuple[Sources, Report]:
    """Return the sources and what is found; the time includes the reading."""
    from otp_genesis.otp.sweep import sweep
    from otp_genesis.otp.vocabulary import vocabulary_of

    cache = home / "scans" if home is not None else None
    project, report = sweep(path, known, vocabulary_of(known), only, jobs, cache)
    return project, report.model_copy(update={"elapsed_s": round(report.elapsed_s, 4)})


def _write_baseline(path: Path, report: Report) -> None:
    from otp_genesis.otp.baseline import write_baseline

    count = write_baseline(path, report)
    print(f"{count} findings are known now: {path}", file=sys.stderr)


def _without_known(report: Report, path: Path) -> Report:
    from otp_genesis.otp.baseline import read_baseline, without_known

    report, gone = without_known(report, read_baseline(path))
    if gone:
        print(f"{path}: {gone} known findings are gone; write it anew", file=sys.stderr)
    return report


def _tell(output: str, text: str) -> None:
    """Print the report: documents are UTF-8, text is as the terminal has it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        if output == "text":
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")
    print(text)


def _printed(
    output: str, report: Report, project: Sources, name: str, known: tuple[Rule, ...]
) -> str:
    match output:
        case "json":
            return report.model_dump_json(indent=2)
        case "sarif":
            from otp_genesis.otp.sarif import sarif

            return sarif(report, known)
        case "html":
            from otp_genesis.otp.scan_html import scan_page

            return scan_page(report, project, name)
    from otp_genesis.cli.otp_render import scan_text

    return scan_text(report, project, colour=coloured())


@app.command()
def rules(
    plugins: PLUGINS = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the rules."""
    known = rules_in_use(plugins)
    if as_json:
        print(json.dumps([_rule(rule) for rule in known], indent=2))
        return
    for rule in known:
        repair = {"safe": "by rule", "unsafe": "by rule", "model": "model", "none": "person"}
        print(
            f"{rule.code}  {rule.name:<32} {rule.severity:<9} stage {rule.stage}"
            f"  repaired: {repair[rule.safety]}"
        )


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="A rule's code or name.")], plugins: PLUGINS = None
) -> None:
    """Show a rule's page: why it is bad, what to use instead, examples."""
    from otp_genesis.cli.otp_render import rule_page
    from otp_genesis.errors import UnknownName

    known = rules_in_use(plugins)
    for one in known:
        if rule.upper() == one.code or rule == one.name:
            print(rule_page(one))
            return
    raise UnknownName("rule", rule, [name for one in known for name in (one.code, one.name)])


def rule_names(only: str | None, known: tuple[Rule, ...]) -> list[str]:
    """Return the rules that `--only` names; raise `UnknownName` for one that is none."""
    from otp_genesis.errors import UnknownName

    names = [name for rule in known for name in (rule.code, rule.name)]
    chosen = [word.strip() for word in (only or "").split(",") if word.strip()]
    for word in chosen:
        if word not in names:
            raise UnknownName("rule", word, names)
    return chosen


def changed_files(path: Path, revision: str) -> set[str]:
    """Return the files below `path` that differ from a git revision, new ones among them."""
    import asyncio

    from otp_genesis.codebase.git import Git
    from otp_genesis.errors import UsageError
    from otp_genesis.settings import load_settings

    git = Git(path.resolve(), load_settings(path).environ)

    async def ask() -> set[str]:
        if await git.ask("rev-parse", "--is-inside-work-tree") != "true":
            raise UsageError(f"{path}: --changed-since needs a git repository")
        named = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        commit = await git.ask("rev-parse", *named)
        if commit is None:
            raise UsageError(f"{path}: there is no commit {revision!r}")
        options = ("--name-only", "--relative", "-z", commit, "--")
        changed = await git.lines("diff", *options)
        fresh = await git.lines("ls-files", "--others", "--exclude-standard", "-z")
        return {*changed, *fresh}

    return asyncio.run(ask())


def _rule(rule: Rule) -> dict[str, Any]:
    from otp_genesis.otp.plan import sections

    page = sections(rule.__doc__ or "")
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "stage": rule.stage,
        "fix": rule.safety,
        "summary": (rule.__doc__ or "").strip().splitlines()[0],
        "why": page.get("Why is this bad?", ""),
        "use_instead": page.get("Use instead", ""),
        "fix_safety": page.get("Fix safety", ""),
    }
