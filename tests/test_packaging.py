"""What is installed: the version, the locked dependencies, the files beside the code."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import otp_genesis

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SDKS = ("anthropic", "openai", "google-genai", "claude-agent-sdk", "pydantic-ai", "litellm", "dspy")


def test_version_is_said_once() -> None:
    """The package and its metadata name the same version."""
    assert PROJECT["version"] == otp_genesis.__version__


LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-weights.lock"]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_with_hashes_and_names_no_registry(name: str) -> None:
    """Every requirement has an exact version and hashes; no address is there."""
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())

    assert [] == [one for one in entries if "==" not in one or "--hash=sha256:" not in one]
    assert [] == re.findall(r"https?://|--index|--find-links", text)


def test_base_install_pulls_in_no_model_sdk() -> None:
    """What everybody installs holds none of the vendors' SDKs."""
    text = (ROOT / "requirements.lock").read_text()

    assert [] == [sdk for sdk in SDKS if re.search(rf"^{sdk}\b", text, re.MULTILINE)]


def test_lock_covers_what_is_asked_for() -> None:
    """Every dependency of pyproject.toml is pinned."""
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    asked = [re.split(r"[<>=\[ ]", one)[0].replace(".", "-") for one in PROJECT["dependencies"]]

    assert [] == [name for name in asked if name not in pinned]


def test_wheel_brings_documents_and_templates(tmp_path: Path) -> None:
    """A built wheel holds the pipelines, the report's template and the ExUnit formatter."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    options = ["--no-build-isolation", "--no-index", "-w", str(tmp_path), str(ROOT)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    beside = [
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "otp_genesis").rglob("*")
        if path.suffix in (".yaml", ".jinja", ".ex", ".typed")
    ]

    assert [] == sorted(set(beside) - set(names))
    assert "otp_genesis/py.typed" in names


@pytest.mark.parametrize("name", otp_genesis.__all__)
def test_public_names_are_there(name: str) -> None:
    """Every public name can be had from the package itself."""
    assert getattr(otp_genesis, name) is not None
