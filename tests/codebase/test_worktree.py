"""A project opened for work: what is in it, and that the user's own checkout is never touched."""

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
from otp_genesis.contracts.codebase import Limits, Sandbox
from otp_genesis.errors import GenesisError, NotAProject, OutsideJail, UsageError

LOCAL = LocalSandbox()
DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RunGit = Callable[..., str]
Contents = Callable[[Path], dict[str, tuple[int, bytes]]]
Make = Callable[..., Path]
Open = Callable[..., OpenedProject]

FILES = {
    ".gitignore": "/_build/\n/deps/\n*.secret\n",
    "mix.exs": "defmodule A.MixProject do\nend\n",
    "lib/a.ex": "defmodule A do\nend\n",
}


@pytest.fixture
def project(tmp_path: Path, make_repository: Make) -> Path:
    """A repository with builds, fetched packages, and a name that is no plain word."""
    made = make_repository(tmp_path / "mein Projekt ü", FILES)
    for name in ("_build/test/a.beam", "deps/jason/mix.exs", "prod.secret"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


@pytest.fixture
def opened(tmp_path: Path, env: dict[str, str]) -> Open:
    """Open a project for the run `run1`."""

    def run(
        project: Path,
        run_id: str = "run1",
        *,
        branch: str = "genesis/work",
        commit_date: datetime = DATE,
        base: str | None = None,
        sandbox: Sandbox | None = LOCAL,
    ) -> OpenedProject:
        return asyncio.run(
            open_project(
                project,
                tmp_path / "state",
                run_id,
                branch=branch,
                commit_date=commit_date,
                env=env,
                base=base,
                sandbox=sandbox,
            )
        )

    return run


def close(work: OpenedProject, *, keep_branch: bool = True) -> None:
    asyncio.run(work.close(keep_branch=keep_branch))


def commit(work: OpenedProject, path: str, text: str, message: str = "Change") -> str:
    base = asyncio.run(work.codebase.snapshot())
    asyncio.run(work.codebase.write(path, text))
    head = asyncio.run(work.codebase.commit(message, base)).head
    assert head is not None
    return head


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
    project: Path, opened: Open, git: RunGit, contents: Contents
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
    close(work)
    assert contents(project) == before
    assert git(project, "log", "--format=%s", "genesis/work") == "Change\nfirst"
    assert git(project, "show", "genesis/work:lib/a.ex").startswith("defmodule A do")
    assert git(project, "stash", "list") != ""


def test_after_closing_nothing_of_ours_is_left_but_the_branch(
    project: Path, opened: Open, git: RunGit, tmp_path: Path
) -> None:
    work = opened(project)
    head = commit(work, "lib/b.ex", "mine\n")
    close(work)
    close(work)

    assert git(project, "for-each-ref", "--format=%(refname)") == (
        "refs/heads/genesis/work\nrefs/heads/trunk"
    )
    assert git(project, "worktree", "list").count("\n") == 0
    assert not (tmp_path / "state/run1/tree").exists()
    assert git(project, "rev-parse", "genesis/work") == head


def test_closing_can_remove_the_branch(project: Path, opened: Open, git: RunGit) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "mine\n")
    close(work, keep_branch=False)

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
    project: Path, opened: Open, git: RunGit
) -> None:
    commit(opened(project), "lib/b.ex", "b\n")

    shown = git(project, "show", "--no-patch", "--format=%an <%ae>", "genesis/work")
    assert shown == "OTP-Genesis <otp-genesis@localhost>"


def test_a_restore_takes_back_a_commit_made_since(project: Path, opened: Open, git: RunGit) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "b\n", "Good")
    good = asyncio.run(work.codebase.snapshot())
    commit(work, "lib/b.ex", "c\n", "Bad")
    asyncio.run(work.codebase.restore(good))

    assert git(project, "log", "--format=%s", "genesis/work") == "Good\nfirst"
    assert asyncio.run(work.codebase.read("lib/b.ex")) == "b\n"


def test_opened_again_the_same_work_goes_on(project: Path, opened: Open, git: RunGit) -> None:
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
    project: Path, opened: Open, tmp_path: Path
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


def test_a_closed_work_can_be_opened_again(project: Path, opened: Open, git: RunGit) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "b\n")
    close(work)
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
    project: Path, opened: Open, git: RunGit
) -> None:
    work = opened(project)
    commit(work, "lib/b.ex", "b\n")
    tree = git(project, "rev-parse", "trunk^{tree}")
    theirs = git(project, "commit-tree", tree, "-m", "theirs", "-p", "genesis/work")
    git(project, "update-ref", "refs/heads/genesis/work", theirs)

    with pytest.raises(UsageError, match="moved to"):
        commit(work, "lib/c.ex", "c\n")
    close(work, keep_branch=False)
    assert git(project, "rev-parse", "genesis/work") == theirs


def test_a_branch_that_the_user_is_on_is_not_moved_under_them(
    project: Path, opened: Open, git: RunGit
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


def test_two_runs_work_side_by_side(project: Path, opened: Open, git: RunGit) -> None:
    one, two = opened(project), opened(project, "run2", branch="genesis/two")
    commit(one, "lib/b.ex", "b\n")
    commit(two, "lib/c.ex", "c\n")
    close(one)

    assert asyncio.run(two.codebase.list("lib/*")) == ("lib/a.ex", "lib/c.ex")
    assert git(project, "ls-tree", "--name-only", "genesis/work:lib") == "a.ex\nb.ex"


def test_a_project_below_the_top_has_its_own_root(
    tmp_path: Path, opened: Open, git: RunGit, make_repository: Make
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
    tmp_path: Path, opened: Open, git: RunGit, make_repository: Make
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
    tmp_path: Path, opened: Open, git: RunGit, contents: Contents, with_git: bool
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
    close(again)

    third = opened(folder)
    commit(third, "lib/c.ex", "c\n", "More")
    close(third)

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
    project: Path, opened: Open, git: RunGit, tmp_path: Path, contents: Contents
) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "--detach", str(linked))
    before = contents(linked), (linked / ".git").read_text(), git(linked, "status")
    work = opened(linked)
    commit(work, "lib/b.ex", "b\n")
    close(work)

    assert (contents(linked), (linked / ".git").read_text(), git(linked, "status")) == before
    assert git(project, "log", "--format=%s", "genesis/work") == "Change\nfirst"
    assert str(linked) in git(project, "worktree", "list")


def test_worktrees_of_the_user_that_are_away_for_now_are_not_forgotten(
    project: Path, opened: Open, git: RunGit, tmp_path: Path
) -> None:
    git(project, "worktree", "add", str(tmp_path / "usb"))
    shutil.move(tmp_path / "usb", tmp_path / "unplugged")
    close(opened(project))

    assert str(tmp_path / "usb") in git(project, "worktree", "list")


def test_line_ends_hooks_signing_and_filters_of_the_user_do_not_matter(
    project: Path, opened: Open, git: RunGit, tmp_path: Path
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
    close(work)
    assert not (tmp_path / "ran").exists()


def test_a_sparse_checkout_is_worked_on_whole(
    tmp_path: Path, opened: Open, git: RunGit, make_repository: Make, contents: Contents
) -> None:
    top = make_repository(tmp_path / "sparse", {"mix.exs": "", "lib/a.ex": "", "big/x": ""})
    git(top, "sparse-checkout", "set", "lib")
    before = contents(top)
    work = opened(top)
    commit(work, "lib/b.ex", "b\n")

    assert not (top / "big").exists()
    assert asyncio.run(work.codebase.list("big/*")) == ("big/x",)
    assert "the checkout is sparse; the work sees all files" in work.notes
    close(work)
    assert contents(top) == before
    assert git(top, "diff", "--name-status", "trunk", "genesis/work") == "A\tlib/b.ex"


def test_submodules_are_filled_from_the_checkout_and_sealed(
    tmp_path: Path, opened: Open, git: RunGit, make_repository: Make
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
    close(work)
    assert changed == "A\tlib/c.ex"


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


def test_a_repository_of_another_owner_can_be_worked_on(
    project: Path, opened: Open, git: RunGit
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (project, *project.rglob("*")):
        os.chown(path, 12345, 12345)
    head = commit(opened(project), "lib/b.ex", "b\n")

    os.chown(project, 0, 0)
    os.chown(project / ".git", 0, 0)
    assert git(project, "rev-parse", "genesis/work") == head


def test_no_room_for_the_state_is_said(project: Path, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(GenesisError, match="cannot write"):
        asyncio.run(
            open_project(
                project, tmp_path / "state", "run1", branch="genesis/x", commit_date=DATE, env=env
            )
        )


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
