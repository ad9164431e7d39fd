"""Projects of all kinds that can be opened for work, and what is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otp_genesis.codebase.local import LocalSandbox
from otp_genesis.codebase.worktree import OpenedProject, open_project
from otp_genesis.contracts.codebase import Limits
from otp_genesis.errors import NotAProject, OutsideJail, UsageError

DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = {
    ".gitignore": "/_build/\n/deps/\n*.secret\n",
    "mix.exs": "defmodule A.MixProject do\nend\n",
    "lib/a.ex": "defmodule A do\nend\n",
}
RunGit = Callable[..., str]
Contents = Callable[[Path], dict[str, tuple[int, bytes]]]
Make = Callable[..., Path]
Open = Callable[..., OpenedProject]
Commit = Callable[..., str]


def test_a_project_below_the_top_has_its_own_root(
    tmp_path: Path, opened: Open, git: RunGit, make_repository: Make, commit: Commit
) -> None:
    files = {f"apps/web app/{name}": text for name, text in FILES.items()} | {"README": "r"}
    top = make_repository(tmp_path / "mono", {**files, "mix.exs": "umbrella", "other/mix.exs": ""})
    for name in ("deps/x", "apps/web app/_build/y", "other/deps/z"):
        (top / name).parent.mkdir(parents=True)
        (top / name).write_text("built")
    work = opened(top / "apps/web app")
    base = asyncio.run(work.codebase.snapshot())
    commit(work, "lib/b.ex", "b\n")
    tree = Path(work.codebase.root).parent.parent

    assert work.project_subdir == "apps/web app"
    assert asyncio.run(work.codebase.list()) == (".gitignore", "lib/a.ex", "lib/b.ex", "mix.exs")
    assert (tree / "deps/x").exists()
    assert (tree / "apps/web app/_build/y").exists()
    assert not (tree / "other/deps").exists()
    assert "+++ b/lib/b.ex" in asyncio.run(work.codebase.diff(base))
    changed = git(top, "diff", "--name-only", "trunk", "genesis/work")
    assert changed == "apps/web app/lib/b.ex"
    with pytest.raises(OutsideJail):
        asyncio.run(work.codebase.read("../../README"))


def test_what_is_built_is_never_part_of_the_work_even_if_not_ignored(
    tmp_path: Path, opened: Open, make_repository: Make
) -> None:
    top = make_repository(tmp_path / "bare bones", {"mix.exs": "x", "lib/a.ex": "a"})
    (top / "deps/x").mkdir(parents=True)
    (top / "deps/x/mix.exs").write_text("fetched")
    work = opened(top)

    assert (Path(work.codebase.root) / "deps/x/mix.exs").is_file()
    assert asyncio.run(work.codebase.list()) == ("lib/a.ex", "mix.exs")
    assert asyncio.run(work.codebase.diff(asyncio.run(work.codebase.snapshot()))) == ""


def test_linked_packages_are_copied_and_not_shared(
    project: Path, opened: Open, tmp_path: Path
) -> None:
    shutil.rmtree(project / "deps")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/x").write_text("shared")
    (project / "deps").symlink_to(tmp_path / "shared")
    root = Path(opened(project).codebase.root)
    (root / "deps/x").write_text("mine")

    assert (tmp_path / "shared/x").read_text() == "shared"


def test_committed_files_that_are_ignored_stay_committed(
    tmp_path: Path, opened: Open, git: RunGit, make_repository: Make, commit: Commit
) -> None:
    top = make_repository(tmp_path / "odd", {".gitignore": "*.gen\n", "a.gen": "a", "mix.exs": ""})
    commit(opened(top), "b.ex", "b")

    assert git(top, "ls-tree", "--name-only", "genesis/work").split() == [
        ".gitignore",
        "a.gen",
        "b.ex",
        "mix.exs",
    ]


@pytest.mark.parametrize("with_git", [False, True])
def test_a_folder_without_commits_is_worked_on_as_a_copy(
    tmp_path: Path, opened: Open, git: RunGit, contents: Contents, with_git: bool, commit: Commit
) -> None:
    folder = tmp_path / "plain"
    (folder / "lib").mkdir(parents=True)
    (folder / "mix.exs").write_text("mix")
    (folder / "lib/a.ex").write_text("a")
    (folder / "_build").mkdir()
    (folder / "_build/x").write_text("built")
    if with_git:
        git(folder, "init", "--quiet")
    before = contents(folder)
    work = opened(folder)
    head = commit(work, "lib/b.ex", "b\n")
    again = opened(folder)
    assert asyncio.run(again.codebase.snapshot()).head == head
    asyncio.run(again.close())

    third = opened(folder)
    commit(third, "lib/c.ex", "c\n", "More")
    asyncio.run(third.close())

    assert contents(folder) == before
    tree = work.repository
    assert tree == tmp_path / "state/run1/tree"
    assert f"branch 'genesis/work' is in {tree}" in work.notes[0]
    assert git(tree, "log", "--format=%s") == "More\nChange\nThe project as it was found"
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "branch", "--show-current") == "genesis/work"
    assert (tree / "_build/x").exists()
    assert git(tree, "for-each-ref", "refs/genesis") == ""


def test_a_copy_leaves_out_the_state_folder_inside(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "mix.exs").write_text("mix")
    work = asyncio.run(
        open_project(
            folder,
            folder / ".genesis" / "runs",
            "run1",
            branch="genesis/work",
            commit_date=DATE,
            env=env,
            sandbox=LocalSandbox(),
        )
    )

    assert asyncio.run(work.codebase.list()) == ("mix.exs",)


def test_a_project_that_is_not_committed_in_its_repository_is_a_plain_folder(
    project: Path, opened: Open
) -> None:
    (project / "new_app").mkdir()
    (project / "new_app/mix.exs").write_text("mix")
    work = opened(project / "new_app")

    assert "not committed in the git repository" in work.notes[0]
    assert asyncio.run(work.codebase.list()) == ("mix.exs",)


def test_what_is_no_project_is_refused(
    tmp_path: Path, opened: Open, git: RunGit, project: Path
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")

    with pytest.raises(NotAProject, match="bare"):
        opened(tmp_path / "bare.git")
    with pytest.raises(NotAProject, match="git's own"):
        opened(project / ".git")
    with pytest.raises(NotAProject, match="no folder"):
        opened(project / "mix.exs")
    with pytest.raises(UsageError, match="no commit 'nonsense'"):
        opened(project, base="nonsense")


def test_the_work_can_start_from_another_commit(project: Path, opened: Open, git: RunGit) -> None:
    first = git(project, "rev-parse", "HEAD")
    git(project, "commit", "--allow-empty", "--message=second")

    assert opened(project, base="HEAD~1").base == first


def test_a_detached_head_and_a_linked_worktree_are_projects(
    project: Path, opened: Open, git: RunGit, tmp_path: Path, contents: Contents, commit: Commit
) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "--detach", str(linked))
    before = contents(linked), (linked / ".git").read_text(), git(linked, "status")
    work = opened(linked)
    commit(work, "lib/b.ex", "b\n")
    asyncio.run(work.close())

    assert (contents(linked), (linked / ".git").read_text(), git(linked, "status")) == before
    assert git(project, "log", "--format=%s", "genesis/work") == "Change\nfirst"
    assert str(linked) in git(project, "worktree", "list")


def test_worktrees_of_the_user_that_are_away_for_now_are_not_forgotten(
    project: Path, opened: Open, git: RunGit, tmp_path: Path
) -> None:
    git(project, "worktree", "add", str(tmp_path / "usb"))
    shutil.move(tmp_path / "usb", tmp_path / "unplugged")
    asyncio.run(opened(project).close())

    assert str(tmp_path / "usb") in git(project, "worktree", "list")


def test_line_ends_hooks_signing_and_filters_of_the_user_do_not_matter(
    project: Path, opened: Open, git: RunGit, tmp_path: Path, commit: Commit
) -> None:
    (project / ".gitattributes").write_text("*.bin filter=lfs\n")
    (project / "x.bin").write_text("pointer\n")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message=lfs")
    for name, value in {
        "core.autocrlf": "true",
        "commit.gpgSign": "true",
        "gpg.program": "/bin/false",
        "filter.lfs.smudge": "no-such-program",
        "filter.lfs.clean": "no-such-program",
        "filter.lfs.required": "true",
        "diff.external": "/bin/false",
    }.items():
        git(project, "config", name, value)
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (project / ".git/hooks").mkdir(exist_ok=True)
        (project / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\nexit 1\n")
        (project / ".git/hooks" / hook).chmod(0o755)
    work = opened(project)
    base = asyncio.run(work.codebase.snapshot())
    commit(work, "lib/b.ex", "a\r\nb\r\n")

    assert asyncio.run(work.codebase.read("lib/a.ex")) == FILES["lib/a.ex"]
    assert asyncio.run(work.codebase.read("x.bin")) == "pointer\n"
    assert "+a\r\n" in asyncio.run(work.codebase.diff(base))
    assert work.notes == ("files under a git filter (such as LFS) are seen as they are stored",)
    asyncio.run(work.close())
    assert not (tmp_path / "ran").exists()


def test_a_sparse_checkout_is_worked_on_whole(
    tmp_path: Path,
    opened: Open,
    git: RunGit,
    make_repository: Make,
    contents: Contents,
    commit: Commit,
) -> None:
    top = make_repository(tmp_path / "sparse", {"mix.exs": "", "lib/a.ex": "", "big/x": ""})
    git(top, "sparse-checkout", "set", "lib")
    before = contents(top)
    work = opened(top)
    commit(work, "lib/b.ex", "b\n")

    assert not (top / "big").exists()
    assert asyncio.run(work.codebase.list("big/*")) == ("big/x",)
    assert "the checkout is sparse; the work sees all files" in work.notes
    asyncio.run(work.close())
    assert contents(top) == before
    assert git(top, "diff", "--name-status", "trunk", "genesis/work") == "A\tlib/b.ex"


def test_submodules_are_filled_from_the_checkout_and_sealed(
    tmp_path: Path, opened: Open, git: RunGit, make_repository: Make, commit: Commit
) -> None:
    make_repository(tmp_path / "one", {"x.ex": "x"})
    make_repository(tmp_path / "two", {"y.ex": "y"})
    top = make_repository(tmp_path / "top", FILES)
    for name in ("one", "two"):
        git(top, "submodule", "--quiet", "add", str(tmp_path / name), f"vendor/{name}")
    git(top, "commit", "--quiet", "--message=submodules")
    git(top, "submodule", "--quiet", "deinit", "vendor/two")
    work = opened(top)
    start = asyncio.run(work.codebase.snapshot())
    commit(work, "lib/b.ex", "b\n")
    asyncio.run(work.codebase.restore(start))

    assert asyncio.run(work.codebase.read("vendor/one/x.ex")) == "x"
    assert work.notes == ("submodule vendor/two is empty in the work: it is not checked out",)
    with pytest.raises(OutsideJail, match="submodule"):
        asyncio.run(work.codebase.write("vendor/one/x.ex", "y"))
    commit(work, "lib/c.ex", "c\n")
    changed = git(top, "diff", "--name-status", "trunk", "genesis/work")
    asyncio.run(work.close())
    assert changed == "A\tlib/c.ex"


def test_a_repository_of_another_owner_can_be_worked_on(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (project, *project.rglob("*")):
        os.chown(path, 12345, 12345)
    head = commit(opened(project), "lib/b.ex", "b\n")

    os.chown(project, 0, 0)
    os.chown(project / ".git", 0, 0)
    assert git(project, "rev-parse", "genesis/work") == head


@pytest.mark.skipif(shutil.which("mix") is None, reason="Elixir is not installed")
def test_a_mix_project_below_the_top_is_tested_in_the_best_sandbox(
    tmp_path: Path, opened: Open, env: dict[str, str], make_repository: Make, git: RunGit
) -> None:
    top = make_repository(tmp_path / "mono", {"README": "r"})
    sandbox = LocalSandbox()
    made = asyncio.run(sandbox.run(["mix", "new", "tiny"], cwd=str(top), env=env, limits=Limits()))
    assert made.ok
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message=tiny")
    work = opened(top / "tiny", sandbox=None)
    tested = asyncio.run(work.codebase.run(["mix", "test"]))

    assert tested.ok, tested.stdout + tested.stderr
    assert asyncio.run(work.codebase.diff(asyncio.run(work.codebase.snapshot()))) == ""
