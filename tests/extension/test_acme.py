"""The worked plugin, installed into a fresh virtual environment and used by the command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACME = ROOT / "examples" / "plugin_acme"


def ran(*command: str | Path, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command, and show what it said where it fails."""
    env = {**os.environ, "GENESIS_HOME": str(folder / "home"), **environ}
    return subprocess.run([*map(str, command)], cwd=folder, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has the plugin.

    What it depends on is taken from the environment of the tests, so that nothing is downloaded;
    the plugin itself is built and installed as by anybody.
    """
    folder = tmp_path_factory.mktemp("fresh")
    source = shutil.copytree(ACME, folder / "source")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    shared = sysconfig.get_path("purelib")
    Path(where, "shared.pth").write_text(f"import site; site.addsitedir({shared!r})\n")
    built = ran(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index",
        "--no-deps", "--no-build-isolation", "--disable-pip-version-check", source, folder=folder,
    )  # fmt: skip
    assert (0, "") == (built.returncode, built.stderr)
    assert (Path(where) / "acme_genesis" / "plugin.py").is_file()
    return python


def genesis(python: Path, folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in the fresh environment."""
    return ran(python, "-m", "otp_genesis", *words, folder=folder)


def test_it_is_found(python: Path, tmp_path: Path) -> None:
    """It is listed with its version, its distribution and what it adds."""
    found = json.loads(genesis(python, tmp_path, "plugins", "--json").stdout)
    (acme,) = [one for one in found if one["name"] == "acme"]

    assert (acme["version"], acme["status"], acme["reason"]) == ("1.2.0", "loaded", "")
    assert acme["source"] == "acme_genesis.plugin:plugin (acme-genesis 1.2.0)"
    assert acme["adds"]["step types"] == ["acme.greet"]
    assert acme["adds"]["providers"] == ["acme-parrot"]
    assert acme["adds"]["rules"] == ["ACME001"]
    assert acme["configurable"] is True


def test_its_pipeline_runs(python: Path, tmp_path: Path) -> None:
    """Step type, function, provider by capability, configuration: all of it at once."""
    for name in ("acme.yaml", "genesis.toml"):
        shutil.copy(ACME / name, tmp_path)
    done = genesis(python, tmp_path, "run", "acme.yaml", "-i", "who=Grace", "--json")

    assert json.loads(done.stdout)["outputs"] == {
        "hello": "Good morning, Grace",
        "again": "Squawk: GRACE!",
    }


def test_its_rule_finds(python: Path, tmp_path: Path) -> None:
    """The rule is listed, explained and held against code beside the built-in ones."""
    project = tmp_path / "shop"
    (project / "lib").mkdir(parents=True)
    (project / "mix.exs").write_text(
        "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\nend\n"
    )
    (project / "lib" / "shop.ex").write_text(
        "defmodule Shop do\n  def sell(x), do: x |> IO.inspect()\nend\n"
    )
    done = genesis(
        python, tmp_path, "otp", "scan", project, "--only", "ACME001", "--format", "json"
    )
    (finding,) = json.loads(done.stdout)["findings"]

    assert (finding["rule"], finding["file"], finding["line"]) == ("ACME001", "lib/shop.ex", 2)
    assert "IO.inspect" in genesis(python, tmp_path, "otp", "explain", "ACME001").stdout
    assert "ACME001  left-inspect" in genesis(python, tmp_path, "otp", "rules").stdout


def test_a_wrong_setting_is_told(python: Path, tmp_path: Path) -> None:
    """A key that its configuration does not have is an error of `check`, with the nearest."""
    shutil.copy(ACME / "acme.yaml", tmp_path)
    (tmp_path / "genesis.toml").write_text('[plugins.acme]\ngreting = "Hi"\n')
    done = genesis(python, tmp_path, "check", "acme.yaml")

    assert done.returncode == 2
    assert "genesis.toml: [plugins.acme] greting: Extra inputs are not permitted" in done.stderr
    assert "did you mean 'greeting'?" in done.stderr


def test_it_can_be_left_out(python: Path, tmp_path: Path) -> None:
    """Disabled, its names are unknown, and the document says what it misses."""
    shutil.copy(ACME / "acme.yaml", tmp_path)
    (tmp_path / "genesis.toml").write_text('[plugins]\ndisabled = ["acme"]\n')
    done = genesis(python, tmp_path, "check", "acme.yaml")

    assert done.returncode == 2
    assert "acme.yaml:5:34: error[requires]: there is no plugin 'acme'" in done.stderr
    assert "unknown step type 'acme.greet'" in done.stderr
    assert "no capability 'parroting'" in done.stderr
