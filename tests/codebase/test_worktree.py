"""A project at work: its files, commits and branch; the user's own checkout is never touched."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otp_genesis.codebase.worktree import OpenedProject, open_project
from otp_genesis.errors import GenesisError, UsageError

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


def test_the_work_has_what_is_committed_and_what_was_built(project: Path, opened: Open) -> None:
    work = opened(project)
    root = Path(work.codebase.root)

    assert asyncio.run(work.codebase.list()) == (".gitignore", "lib/a.ex", "mix.exs")
    assert (root / "_build/test/a.beam").read_text() == "_build/test/a.beam"
    assert (root / "deps/jason/mix.exs").is_file()
    assert not (root / "prod.secret").exists()
    assert work.notes == ()
    assert (work.branch, work.project_subdir, work.repository) == ("genesis/work", "", project)
    assert not root.is_relative_to(project)


def test_the_users_checkout_stays_the_same_in_every_byte(
    project: Path, opened: Open, git: RunGit, contents: Contents, commit: Commit
) -> None:
    (project / "lib/a.ex").write_text("stashed")
    git(project, "stash")
    (project / "lib/a.ex").write_text("staged")
    git(project, "add", "lib/a.ex")
    (project / "lib/a.ex").write_text("changed")
    (project / "untracked.ex").write_text("new")
    before = contents(project)
    work = opened(project)
    start = asyncio.run(work.codebase.snapshot())
    commit(work, "lib/a.ex", "mine\n")
    (Path(work.codebase.root) / "_build/test/a.beam").write_text("rebuilt")
    asyncio.run(work.codebase.restore(start))
    commit(work, "lib/b.ex", "mine\n")

    assert contents(project) == before
    assert work.notes == ("2 files have uncommitted changes, which the work does not see",)
    asyncio.run(work.close())
    assert contents(project) == before
    assert git(project, "log", "--format=%s", "genesis/work") == "Change\nfirst"
    assert git(project, "show", "genesis/work:lib/a.ex").startswith("defmodule A do")
    assert git(project, "stash", "list") != ""


def test_after_closing_nothing_of_ours_is_left_but_the_branch(
    project: Path, opened: Open, git: RunGit, tmp_path: Path, commit: Commit
) -> None:
    work = opened(project)
    head = commit(work, "lib/b.ex", "mine\n")
    asyncio.run(work.close())
    asyncio.run(work.close())

    assert git(project, "for-each-ref", "--format=%(refname)") == (
        "refs/heads/genesis/work\nrefs/heads/trunk"
    )
    assert git(project, "worktree", "list").count("\n") == 0
    assert not (tmp_path / "state/run1/tree").exists()
    assert git(project, "rev-parse", "genesis/work") == head


def test_closing_can_remove_the_branch(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "mine\n")
    asyncio.run(work.close(keep_branch=False))

    assert git(project, "for-each-ref", "--format=%(refname)") == "refs/heads/trunk"


def test_a_commit_repeated_is_the_same_commit(
    project: Path, opened: Open, git: RunGit, env: dict[str, str]
) -> None:
    (Path(env["HOME"]) / ".gitconfig").write_text("[user]\nname = Grace\nemail = g@h.org\n")
    work = opened(project)
    base = asyncio.run(work.codebase.snapshot())
    asyncio.run(work.codebase.write("lib/b.ex", "b\n"))
    first = asyncio.run(work.codebase.commit("Add b\n\nBecause.", base))
    second = asyncio.run(work.codebase.commit("Add b\n\nBecause.", base))

    assert first == second
    assert git(
        project, "show", "--no-patch", "--format=%an %ae %aI %cI %P%n%B", "genesis/work"
    ) == (
        f"Grace g@h.org 2026-01-02T03:04:05+00:00 2026-01-02T03:04:05+00:00 {work.base}\n"
        "Add b\n\nBecause."
    )


def test_without_a_name_in_the_configuration_the_author_is_the_program(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    commit(opened(project), "lib/b.ex", "b\n")

    shown = git(project, "show", "--no-patch", "--format=%an <%ae>", "genesis/work")
    assert shown == "OTP-Genesis <otp-genesis@localhost>"


def test_a_restore_takes_back_a_commit_made_since(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "b\n", "Good")
    good = asyncio.run(work.codebase.snapshot())
    commit(work, "lib/b.ex", "c\n", "Bad")
    asyncio.run(work.codebase.restore(good))

    assert git(project, "log", "--format=%s", "genesis/work") == "Good\nfirst"
    assert asyncio.run(work.codebase.read("lib/b.ex")) == "b\n"


def test_opened_again_the_same_work_goes_on(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    first = opened(project)
    revision = asyncio.run(first.codebase.snapshot())
    commit(first, "lib/b.ex", "b\n")
    again = opened(project, commit_date=datetime(2030, 1, 1, tzinfo=UTC))
    head = commit(again, "lib/c.ex", "c\n")

    assert again.base == first.base
    assert (
        git(project, "log", "--format=%as", "genesis/work").splitlines()[:2] == ["2026-01-02"] * 2
    )
    asyncio.run(again.codebase.restore(revision))
    assert asyncio.run(again.codebase.list("lib/*")) == ("lib/a.ex",)
    assert head != git(project, "rev-parse", "genesis/work")


def test_a_worktree_that_vanished_is_made_again(
    project: Path, opened: Open, tmp_path: Path, commit: Commit
) -> None:
    first = opened(project)
    commit(first, "lib/b.ex", "b\n")
    revision = asyncio.run(first.codebase.snapshot())
    shutil.rmtree(tmp_path / "state/run1/tree")
    again = opened(project)
    asyncio.run(again.codebase.restore(revision))

    assert asyncio.run(again.codebase.read("lib/b.ex")) == "b\n"
    assert (Path(again.codebase.root) / "deps/jason/mix.exs").is_file()
    assert asyncio.run(again.codebase.snapshot()) == revision


def test_a_worktree_that_was_not_made_to_its_end_is_made_again(
    project: Path, opened: Open, tmp_path: Path
) -> None:
    work = opened(project)
    work.place.noting(ready=False)
    (tmp_path / "state/run1/tree/lib/a.ex").unlink()

    assert asyncio.run(opened(project).codebase.read("lib/a.ex")) == FILES["lib/a.ex"]


def test_a_closed_work_can_be_opened_again(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "b\n")
    asyncio.run(work.close())
    again = opened(project)
    commit(again, "lib/c.ex", "c\n", "More")

    assert git(project, "log", "--format=%s", "genesis/work") == "More\nChange\nfirst"


def test_a_branch_of_someone_else_is_refused(project: Path, opened: Open, git: RunGit) -> None:
    git(project, "branch", "genesis/work")

    with pytest.raises(UsageError, match="'genesis/work' exists already"):
        opened(project)
    with pytest.raises(UsageError, match="no name for a branch"):
        opened(project, branch="a..b")


def test_a_branch_that_someone_else_moved_is_not_moved_away(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "b\n")
    tree = git(project, "rev-parse", "trunk^{tree}")
    theirs = git(project, "commit-tree", tree, "-m", "theirs", "-p", "genesis/work")
    git(project, "update-ref", "refs/heads/genesis/work", theirs)

    with pytest.raises(UsageError, match="moved to"):
        commit(work, "lib/c.ex", "c\n")
    asyncio.run(work.close(keep_branch=False))
    assert git(project, "rev-parse", "genesis/work") == theirs


def test_a_branch_that_the_user_is_on_is_not_moved_under_them(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "b\n")
    git(project, "switch", "--quiet", "genesis/work")

    with pytest.raises(UsageError, match="is checked out in"):
        commit(work, "lib/c.ex", "c\n")
    assert git(project, "status", "--porcelain") == ""
    git(project, "switch", "--quiet", "trunk")
    commit(work, "lib/c.ex", "c\n")


def test_a_worktree_that_its_repository_forgot_is_made_again(project: Path, opened: Open) -> None:
    opened(project)
    shutil.rmtree(project / ".git/worktrees")

    assert asyncio.run(opened(project).codebase.list("lib/*")) == ("lib/a.ex",)


def test_a_run_id_belongs_to_one_project_and_branch(
    project: Path, opened: Open, tmp_path: Path, make_repository: Make
) -> None:
    opened(project)
    other = make_repository(tmp_path / "other", FILES)

    with pytest.raises(UsageError, match="run id of its own"):
        opened(other)
    with pytest.raises(UsageError, match="run id of its own"):
        opened(project, branch="genesis/other")


def test_two_runs_work_side_by_side(
    project: Path, opened: Open, git: RunGit, commit: Commit
) -> None:
    one, two = opened(project), opened(project, "run2", branch="genesis/two")
    commit(one, "lib/b.ex", "b\n")
    commit(two, "lib/c.ex", "c\n")
    asyncio.run(one.close())

    assert asyncio.run(two.codebase.list("lib/*")) == ("lib/a.ex", "lib/c.ex")
    assert git(project, "ls-tree", "--name-only", "genesis/work:lib") == "a.ex\nb.ex"


def test_links_and_modes_are_committed(project: Path, opened: Open, git: RunGit) -> None:
    work = opened(project)
    base = asyncio.run(work.codebase.snapshot())
    root = Path(work.codebase.root)
    (root / "link").symlink_to("lib/a.ex")
    (root / "lib/a.ex").chmod(0o755)
    asyncio.run(work.codebase.commit("Modes", base))

    listed = git(project, "ls-tree", "-r", "genesis/work").splitlines()
    modes = {line.split("\t")[1]: line.split()[0] for line in listed}
    assert (modes["link"], modes["lib/a.ex"]) == ("120000", "100755")


def test_housekeeping_of_git_spares_what_is_kept(project: Path, opened: Open, git: RunGit) -> None:
    work = opened(project)
    asyncio.run(work.codebase.write("lib/b.ex", "only in a snapshot\n"))
    revision = asyncio.run(work.codebase.snapshot())
    (Path(work.codebase.root) / "lib/b.ex").unlink()
    git(project, "reflog", "expire", "--expire=now", "--all")
    git(project, "gc", "--quiet", "--prune=now")
    asyncio.run(work.codebase.restore(revision))

    assert asyncio.run(work.codebase.read("lib/b.ex")) == "only in a snapshot\n"


def test_no_room_for_the_state_is_said(project: Path, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(GenesisError, match="cannot write"):
        asyncio.run(
            open_project(
                project, tmp_path / "state", "run1", branch="genesis/x", commit_date=DATE, env=env
            )
        )
