"""Write the reference pages from the declarations, and the picture of a real run.

`python docs/generate.py` writes, `--check` says what is stale and exits with 1, `--picture` also
runs the refactor on a copy of the example and keeps its summary as an SVG.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from older_keys_page import older_keys_page
from provider_pages import provider_pages
from rich.console import Console

from otp_genesis.cli.otp_render import print_summary, rule_page
from otp_genesis.contracts.step_type import StepType
from otp_genesis.model.pipeline import StepSettings
from otp_genesis.otp.rule import STAGES
from otp_genesis.otp.rules import all_rules
from otp_genesis.runtime import Runtime

DOCS = Path(__file__).parent
ROOT = DOCS.parent
NOTE = "<!-- Written by docs/generate.py from the declarations; `make docs` renews it. -->"


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    found = {DOCS / "steps.md": steps_page(), DOCS / "rules" / "README.md": rules_page()}
    found[DOCS / "older-keys.md"] = older_keys_page(NOTE)
    found |= provider_pages(NOTE, DOCS / "providers")
    for rule in all_rules():
        found[DOCS / "rules" / f"{rule.code}.md"] = f"{NOTE}\n\n{rule_page(rule)}\n"
    return found


def steps_page() -> str:
    """Return the reference of the step types."""
    runtime = Runtime.in_memory(discover=True)
    lines = [NOTE, "", "# Step types", "", "Every step has `name` and `type`, and may have:", ""]
    lines += ["| key | default | meaning |", "| --- | --- | --- |"]
    lines += list(_rows(StepSettings.model_json_schema()))
    for origin in dict.fromkeys(kind.metadata.origin for kind in runtime.steps):
        lines += ["", f"## {origin}"]
        kinds = [kind for kind in runtime.steps if kind.metadata.origin == origin]
        for kind in sorted(kinds, key=lambda one: one.name):
            lines += list(_step(kind))
    return "\n".join(lines).rstrip() + "\n"


def _step(kind: StepType[Any]) -> Iterator[str]:
    yield from ("", f"### `{kind.name}`", "", kind.metadata.description, "")
    yield f"Effects: {kind.effects}."
    schema = kind.params.model_json_schema()
    schema["properties"].pop("body", None)
    if schema["properties"]:
        yield from ("", "| key | default | meaning |", "| --- | --- | --- |")
        yield from _rows(schema)


def _rows(schema: dict[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        default = "**required**" if name in required else f"`{json.dumps(field.get('default'))}`"
        kind = _kind(field)
        told = " ".join(filter(None, (kind, field.get("description", ""))))
        yield f"| `{name}` | {default} | {told.replace('|', chr(92) + '|')} |"


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return "one of " + ", ".join(f"`{one}`" for one in field["enum"]) + "."
    kinds = [one.get("type") for one in field.get("anyOf", ())] or [field.get("type")]
    flat = [kind if isinstance(kind, str) else None for kind in kinds]
    return " or ".join(kind for kind in flat if kind and kind != "null") + "." if any(flat) else ""


def rules_page() -> str:
    """Return the catalogue of the rules."""
    lines = [NOTE, "", "# Rules", ""]
    for number, title in STAGES.items():
        rules = [rule for rule in all_rules() if rule.stage == number]
        if not rules:
            continue
        lines += [f"## Stage {number}: {title}", "", "| rule | severity | repair | what |"]
        lines += ["| --- | --- | --- | --- |"]
        for rule in rules:
            summary = (rule.__doc__ or "").strip().splitlines()[0]
            page = f"[{rule.code} {rule.name}]({rule.code}.md)"
            lines.append(f"| {page} | {rule.severity} | {rule.safety} | {summary} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def picture() -> None:
    """Run the refactor on a copy of the example and draw its summary."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "shaky_otp")
        shutil.copytree(
            ROOT / "examples" / "shaky_otp", project, ignore=shutil.ignore_patterns("_build")
        )
        environ = {**os.environ, "GENESIS_HOME": f"{scratch}/state"}
        for git in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "as it is"]):
            author = ["-c", "user.name=demo", "-c", "user.email=demo@localhost"]
            subprocess.run(["git", *author, *git], cwd=project, check=True)
        command = [sys.executable, "-m", "otp_genesis", "otp", "refactor", "."]
        options = ["--branch", "genesis/demo", "--run-id", "demo"]
        subprocess.run([*command, *options], cwd=project, env=environ, check=False)
        show = [sys.executable, "-m", "otp_genesis", "runs", "events", "demo"]
        lines = subprocess.run(show, env=environ, check=True, capture_output=True, text=True)
    report = json.loads(lines.stdout.splitlines()[-1])["outputs"]["report"]
    report |= {"repository": "~/shaky_otp", "report": "~/.local/state/genesis/reports/demo.html"}
    console = Console(record=True, width=110, force_terminal=True, file=open(os.devnull, "w"))
    console.print("[bold]$ genesis otp refactor . --branch genesis/demo[/bold]\n")
    print_summary(console, report)
    drawn = console.export_svg(title="genesis otp refactor", unique_id="demo")
    # A picture fetches nothing: the fonts that rich would load are left to the viewer.
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    (DOCS / "demo.svg").write_text(drawn, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write or check the pages."""
    stale = [path for path, text in pages().items() if _read(path) != text]
    known = set(pages())
    stale += [path for path in (DOCS / "rules").glob("*.md") if path not in known]
    if "--check" in arguments:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)}; run make docs")
        return 1 if stale else 0
    for path in stale:
        if path in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path], encoding="utf-8")
        else:
            path.unlink()
    if "--picture" in arguments:
        picture()
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
