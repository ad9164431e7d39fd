"""Projects of every kind of place: the work ends on the branch, the user's folder as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.command import Genesis, commits, files_of, git, references, user_state
from support.elixir import NO_CHECKS, ONE_FLAW, TESTS_ONLY, WORDS, mix, repository, write

REPAIRED = WORDS.replace("String.to_atom", "String.to_existing_atom")
QUICK = {**ONE_FLAW, **NO_CHECKS}
PATH = "lib/tiny/words.ex"


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


def is_repaired(repository: Path, result: dict[str, Any], path: str = PATH) -> None:
    """See that the one flaw is repaired by one commit on the branch that the result names."""
    (item,) = result["items"]

    assert ("done", "fixed") == (result["status"], item["status"])
    assert [item["commit"]] == commits(repository, result["base"], result["branch"])
    assert f"{REPAIRED}" == git(repository, "show", f"{result['branch']}:{path}") + "\n"
    assert path == git(repository, "diff", "--name-only", result["base"], result["branch"])


def only_the_branch_is_new(before: dict[str, Any], project: Path, branch: str) -> None:
    """See that the user's folder is as it was, but for the branch."""
    after = user_state(project)
    after["refs"].pop(f"refs/heads/{branch}")

    assert before == after


def test_branch_by_default(tmp_path: Path, genesis: Genesis) -> None:
    """The branch is named for the run, and `--branch` names another."""
    project = repository(tmp_path / "tiny", QUICK)
    first = genesis.refactor(project, "--run-id", "mine")
    second = genesis.refactor(project, "--branch", "repairs/otp")

    assert "genesis/mine" == first["branch"]
    assert "repairs/otp" == second["branch"]
    is_repaired(project, first)
    is_repaired(project, second)


def test_plain_folder(tmp_path: Path, genesis: Genesis) -> None:
    """A folder that is no repository is copied; the branch is in the copy, as a note says."""
    project = write(tmp_path / "plain", QUICK)
    before = files_of(project)
    result = genesis.refactor(project)
    (note,) = result["notes"]
    copy = Path(note.rpartition(" is in ")[2])

    assert "no git repository" in note
    assert before == files_of(project)
    assert not (project / ".git").exists()
    is_repaired(copy, result)


def test_repository_without_commit(tmp_path: Path, genesis: Genesis) -> None:
    """A repository without a commit is worked on as a copy."""
    project = write(tmp_path / "fresh", QUICK)
    git(project, "init", "--quiet", ".")
    before = files_of(project)
    result = genesis.refactor(project)

    assert "no commit yet" in result["notes"][0]
    assert before == files_of(project)
    assert {} == references(project)
    is_repaired(Path(result["notes"][0].rpartition(" is in ")[2]), result)


def test_uncommitted_changes(tmp_path: Path, genesis: Genesis) -> None:
    """What is not committed is no part of the work; a note says so, and no byte of it is lost."""
    project = repository(tmp_path / "tiny", QUICK)
    unfinished = WORDS.replace("kind(text), do:", "kind(text, _more), do:")
    write(project, {PATH: unfinished, "lib/tiny/new.ex": "defmodule Half do\n"})
    write(project, {"staged.txt": "staged"})
    git(project, "add", "staged.txt")
    before = user_state(project)
    status = git(project, "status", "--porcelain")
    result = genesis.refactor(project)

    is_repaired(project, result)
    assert ["3 files have uncommitted changes, which the work does not see"] == result["notes"]
    only_the_branch_is_new(before, project, result["branch"])
    assert status == git(project, "status", "--porcelain")


def test_subfolder(tmp_path: Path, genesis: Genesis) -> None:
    """A project in a subfolder of a repository is repaired there; nothing beside it is touched."""
    top = tmp_path / "shop"
    files = {f"backend/tiny/{name}": text for name, text in QUICK.items()}
    repository(top, {**files, "frontend/app.ex": "spawn(fn -> 1 end)\n"})
    before = user_state(top)
    result = genesis.refactor(top / "backend" / "tiny")

    is_repaired(top, result, f"backend/tiny/{PATH}")
    assert str(top / "backend" / "tiny") == result["project"]
    assert PATH == result["items"][0]["file"]
    only_the_branch_is_new(before, top, result["branch"])


def test_trunk(tmp_path: Path, genesis: Genesis) -> None:
    """The work begins at whatever branch is checked out."""
    project = repository(tmp_path / "tiny", QUICK, branch="trunk")
    before = user_state(project)
    result = genesis.refactor(project)

    is_repaired(project, result)
    assert git(project, "rev-parse", "trunk") == result["base"]
    only_the_branch_is_new(before, project, result["branch"])


def test_detached_head(tmp_path: Path, genesis: Genesis) -> None:
    """A detached HEAD is the work's base and stays detached."""
    project = repository(tmp_path / "tiny", QUICK)
    git(project, "commit", "--quiet", "--allow-empty", "--message=later")
    git(project, "checkout", "--quiet", "--detach", "HEAD~1")
    before = user_state(project)
    result = genesis.refactor(project)

    is_repaired(project, result)
    assert git(project, "rev-parse", "main~1") == result["base"]
    only_the_branch_is_new(before, project, result["branch"])


def test_submodule(tmp_path: Path, genesis: Genesis) -> None:
    """A submodule's files are there for the work, and are not changed."""
    library = repository(tmp_path / "library", {"mix.exs": "# none\n", "lib/l.ex": WORDS})
    project = repository(tmp_path / "tiny", QUICK)
    git(project, "submodule", "--quiet", "add", str(library), "vendor/library")
    git(project, "commit", "--quiet", "--message=with a library")
    before = user_state(project)
    result = genesis.refactor(project)

    is_repaired(project, result)
    only_the_branch_is_new(before, project, result["branch"])


def test_linked_worktree(tmp_path: Path, genesis: Genesis) -> None:
    """A project in a worktree that the user made by himself is as good as any."""
    main = repository(tmp_path / "tiny", QUICK)
    project = tmp_path / "beside"
    git(main, "worktree", "add", "--quiet", "-b", "beside", str(project))
    before, listed = files_of(project), git(main, "worktree", "list")
    result = genesis.refactor(project)

    is_repaired(main, result)
    assert before == files_of(project)
    assert listed == git(main, "worktree", "list")
    assert "beside" == git(project, "branch", "--show-current")


@pytest.mark.elixir
@pytest.mark.parametrize("name", ["tiny", "mein schönes Projekt"])
def test_built_project(tmp_path: Path, genesis: Genesis, name: str) -> None:
    """Builds and fetched packages that git ignores are brought along and left as they were."""
    dependency = {
        "deps/lib/mix.exs": "defmodule Lib.MixProject do\n  use Mix.Project\n"
        '  def project, do: [app: :lib, version: "0.1.0"]\nend\n',
        "deps/lib/lib/lib.ex": "defmodule Lib do\n  def one, do: 1\nend\n",
    }
    files = {**ONE_FLAW, **TESTS_ONLY}
    app = '[app: :tiny, version: "0.1.0", elixir: "~> 1.14"]'
    with_lib = app.replace("]", ', deps: [{:lib, path: "deps/lib"}]]')
    files["mix.exs"] = files["mix.exs"].replace(app, with_lib)
    files["test/lib_test.exs"] = (
        "defmodule LibTest do\n  use ExUnit.Case\n\n"
        '  test "the package is there" do\n    assert 1 == Lib.one()\n  end\nend\n'
    )
    project = repository(tmp_path / name, files)
    write(project, dependency)
    mix(project, "test")
    before = user_state(project)
    result = genesis.refactor(project)

    is_repaired(project, result)
    assert {"tests": 2, "failures": 0, "warnings": 0} == result["verification"]["final"]
    only_the_branch_is_new(before, project, result["branch"])
    assert "2 tests, 0 failures" in mix(project, "test")


@pytest.mark.elixir
def test_umbrella(tmp_path: Path, genesis: Genesis) -> None:
    """In an umbrella every app's tests count, and files are named from its top."""
    umbrella = {
        "mix.exs": "defmodule All.MixProject do\n  use Mix.Project\n\n"
        '  def project, do: [apps_path: "apps", version: "0.1.0", deps: []]\nend\n',
        ".gitignore": "/_build/\n",
        ".formatter.exs": '[inputs: ["mix.exs"], subdirectories: ["apps/*"]]\n',
    }
    shared = (
        'elixir: "~> 1.14", build_path: "../../_build", deps_path: "../../deps",'
        ' lockfile: "../../mix.lock"]'
    )
    for app in ("tiny", "other"):
        module = app.capitalize()
        for path, text in ONE_FLAW.items():
            if path != ".gitignore":
                text = text.replace("Tiny", module).replace(":tiny", f":{app}")
                text = text.replace('elixir: "~> 1.14"]', shared)
                umbrella[f"apps/{app}/{path.replace('tiny', app)}"] = text
    clean = umbrella["apps/other/lib/other/words.ex"]
    umbrella["apps/other/lib/other/words.ex"] = clean.replace("to_atom", "to_existing_atom")
    project = repository(tmp_path / "all", umbrella)
    before = user_state(project)
    result = genesis.refactor(project)

    is_repaired(project, result, "apps/tiny/lib/tiny/words.ex")
    assert {"tests": 2, "failures": 0, "warnings": 0} == result["verification"]["baseline"]
    assert {"tests": 2, "failures": 0, "warnings": 0} == result["verification"]["final"]
    only_the_branch_is_new(before, project, result["branch"])
