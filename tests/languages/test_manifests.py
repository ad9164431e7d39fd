"""What manifests say of a project; none of them is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis.languages.manifests import BadManifest, Dependency, framework, read_manifest

MIX = """
defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "0.1.0", deps: deps()]
  defp deps do
    [
      {:phoenix, "~> 1.7"},
      # {:commented, "~> 1.0"},
      {:ex_doc, ">= 0.0.0", only: :dev, runtime: false},
      {:mox, "~> 1.0", only: [:test]},
      {:near, path: "../near"},
      {:far, github: "a/far", system_env: [{:not_me, "1"}]}
    ]
  end
  def aliases, do: [{:setup, "deps.get"}]
end
"""
PACKAGE = """
{"name": "@a/shop", "dependencies": {"react": "^18.0.0"}, "devDependencies": {"jest": "29"},
 "peerDependencies": {"vue": "*"}}
"""
PYPROJECT = """
[project]
name = "shop"
dependencies = ["requests[socks]>=2,<3 ; python_version > '3'", "rich"]
[project.optional-dependencies]
all = ["numpy==1.0"]
[dependency-groups]
dev = ["pytest>=8", {include-group = "x"}]
[tool.poetry.dependencies]
python = "^3.11"
flask = {version = "^3", extras = ["async"]}
"""
SETUP = """
from setuptools import setup
open("ran", "w").write("setup.py was run")
setup(name="old", install_requires=["six>=1", NAME], tests_require=["nose"])
"""
GO = """
module example.com/shop
require github.com/gin-gonic/gin v1.9.0
require (
\tgolang.org/x/text v0.3.0 // indirect
)
"""
CARGO = """
[package]
name = "shop"
[dependencies]
serde = { version = "1", features = ["derive"] }
axum = "0.7"
near = { path = "../near" }
[dev-dependencies]
insta = "1"
[target.'cfg(unix)'.dependencies]
nix = "0.29"
"""


@pytest.mark.parametrize(
    ("path", "text", "kind", "name", "found"),
    [
        (
            "mix.exs", MIX, "elixir", "shop",
            ["phoenix ~> 1.7 runtime", "ex_doc >= 0.0.0 dev", "mox ~> 1.0 test",
             "near ../near runtime", "far a/far runtime"],
        ),
        (
            "package.json", PACKAGE, "javascript", "@a/shop",
            ["react ^18.0.0 runtime", "jest 29 dev", "vue * peer"],
        ),
        (
            "pyproject.toml", PYPROJECT, "python", "shop",
            ["requests >=2,<3 runtime", "rich  runtime", "numpy ==1.0 optional", "pytest >=8 dev",
             "flask ^3 runtime"],
        ),
        (
            "requirements-dev.txt", "# no\n-r other.txt\nblack==24.1 # why\n\nmypy\n", "python", "",
            ["black ==24.1 dev", "mypy  dev"],
        ),
        ("setup.py", SETUP, "python", "old", ["six >=1 runtime", "nose  test"]),
        (
            "go.mod", GO, "go", "example.com/shop",
            ["github.com/gin-gonic/gin v1.9.0 runtime", "golang.org/x/text v0.3.0 indirect"],
        ),
        (
            "Cargo.toml", CARGO, "rust", "shop",
            ["serde 1 runtime", "axum 0.7 runtime", "near ../near runtime", "insta 1 dev",
             "nix 0.29 runtime"],
        ),
    ],
)  # fmt: skip
def test_what_is_declared(path: str, text: str, kind: str, name: str, found: list[str]) -> None:
    """Names, versions as written, and what they are for."""
    told = read_manifest(f"sub/{path}", text)

    assert told is not None
    assert (kind, name, "sub/") == (told.project_type, told.name, told.folder)
    assert found == [f"{one.name} {one.version} {one.group}" for one in told.dependencies]


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (
            "mix.lock",
            '%{\n  "jason": {:hex, :jason, "1.4"},\n  "plug": {:hex},\n}',
            ["jason", "plug"],
        ),
        (
            "package-lock.json",
            '{"packages": {"": {}, "node_modules/a": {}, "node_modules/a/node_modules/@s/b": {}}}',
            ["@s/b", "a"],
        ),
        (
            "Cargo.lock",
            '[[package]]\nname = "serde"\n[[package]]\nname = "itoa"',
            ["itoa", "serde"],
        ),
        ("uv.lock", '[[package]]\nname = "rich"', ["rich"]),
        ("poetry.lock", '[[package]]\nname = "flask"', ["flask"]),
    ],
)
def test_what_is_locked(path: str, text: str, found: list[str]) -> None:
    """A lock file holds all that is needed."""
    told = read_manifest(path, text)

    assert told is not None
    assert found == list(told.locked)


@pytest.mark.parametrize("path", ["package.json", "pyproject.toml", "setup.py", "Cargo.lock"])
def test_what_cannot_be_read(path: str) -> None:
    """The message names the file."""
    with pytest.raises(BadManifest, match=path):
        read_manifest(path, "{{{ [")
    with pytest.raises(BadManifest, match=r"package\.json"):
        read_manifest("package.json", "[1]")


def test_other_files_are_none() -> None:
    """Nothing is said of a file with another name."""
    assert read_manifest("notes.txt", "x") is None


def test_setup_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setup.py is a stranger's program."""
    monkeypatch.chdir(tmp_path)
    read_manifest("setup.py", SETUP)

    assert [] == list(tmp_path.iterdir())


def test_frameworks() -> None:
    """The first known name among the dependencies."""
    assert framework([Dependency("jason", ""), Dependency("phoenix", "")]) == "phoenix"
    assert framework([Dependency("jason", "")]) is None
