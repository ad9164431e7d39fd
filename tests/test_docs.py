"""What the documents show is what the program does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from otp_genesis.model.load import parse_pipeline
from otp_genesis.runtime import Runtime

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples" / "pipelines").glob("*.yaml"))
SHIPPED = sorted((ROOT / "src" / "otp_genesis" / "otp" / "pipelines").rglob("*.yaml"))
PAGES = (ROOT / "README.md", ROOT / "docs" / "pipelines.md")
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```yaml\n(workflow:.*?)```", page.read_text(), re.S)
    )
]
LINKS = [
    pytest.param(page, link, id=f"{page.name}-{link}")
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text())
]


@pytest.mark.parametrize("path", [*EXAMPLES, *SHIPPED], ids=lambda path: path.name)
def test_shipped_documents_are_valid(path: Path) -> None:
    """Every document that ships passes the check without a complaint."""
    runtime = Runtime.in_memory()

    assert runtime.check(runtime.load(path)).steps


@pytest.mark.parametrize("text", BLOCKS)
def test_shown_documents_are_valid(text: str) -> None:
    """Every whole document in the pages passes the check."""
    assert Runtime.in_memory().check(parse_pipeline(text)).steps


def test_readme_example_runs(tmp_path: Path) -> None:
    """The README's pipeline, as it stands, does what it says."""
    text = next(re.finditer(r"```yaml\n(workflow:.*?)```", PAGES[0].read_text(), re.S))[1]
    (tmp_path / "greet.yaml").write_text(text)
    command = [sys.executable, "-m", "otp_genesis", "run", "greet.yaml", "--json"]
    environ = {"PATH": "/usr/bin:/bin", "GENESIS_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    assert ({"count": 2}, "") == (json.loads(done.stdout)["outputs"], done.stderr)
    assert "Hello Joe, you are number 2" == (
        (tmp_path / "workspace" / "greetings" / "Joe.txt").read_text()
    )


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_links_lead_somewhere(page: Path, link: str) -> None:
    """Every relative link names a file that is there."""
    assert (page.parent / link).exists()


def test_generated_pages_are_fresh() -> None:
    """The reference pages are what the declarations say now."""
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)

    assert ("", 0) == (done.stdout, done.returncode)
