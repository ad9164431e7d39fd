"""Snapshots of an ordinary folder: exact, complete, and nothing is ever lost."""

from __future__ import annotations

import asyncio
import random
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis.codebase.folder import FolderCodebase
from otp_genesis.codebase.local import LocalSandbox
from otp_genesis.contracts.codebase import Revision
from otp_genesis.errors import (
    CodebaseError,
    EnvironmentLacks,
    GitFailed,
    MissingTool,
    NotAProject,
    OutsideJail,
    UsageError,
)

DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Contents = Callable[[Path], dict[str, tuple[int, bytes]]]


def opened(folder: Path, env: Mapping[str, str], state: Path | None = None) -> FolderCodebase:
    state = state or folder.parent / "state"
    return asyncio.run(
        FolderCodebase.open(
            folder, state, "run1", commit_date=DATE, env=env, sandbox=LocalSandbox()
        )
    )


def together(*work: Callable[[], Awaitable[object]]) -> None:
    async def all_of_it() -> None:
        for each in work:
            await each()

    asyncio.run(all_of_it())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an executable, a link, CRLF, binary and ignored files."""
    made = tmp_path / "wörk space"
    (made / "lib").mkdir(parents=True)
    (made / "lib" / "a.ex").write_bytes(b"a\r\nb\n")
    (made / "lib" / "b.bin").write_bytes(bytes(range(256)))
    (made / "run.sh").write_text("#!/bin/sh\n")
    (made / "run.sh").chmod(0o755)
    (made / "link").symlink_to("lib/a.ex")
    (made / ".gitignore").write_text("*.log\n")
    (made / ".gitattributes").write_text("* text=auto eol=lf\n*.bin filter=lfs\n")
    (made / "keep.log").write_text("ignored")
    return made


def test_a_restored_folder_is_the_same_in_bytes_modes_and_links(
    folder: Path, env: dict[str, str], contents: Contents
) -> None:
    codebase = opened(folder, env)
    before = contents(folder)
    revision = asyncio.run(codebase.snapshot())
    (folder / "lib" / "a.ex").write_text("changed")
    (folder / "lib" / "b.bin").unlink()
    (folder / "run.sh").chmod(0o644)
    (folder / "link").unlink()
    (folder / "link").write_text("no link")
    (folder / "new").mkdir()
    (folder / "new" / "file").write_text("new")
    asyncio.run(codebase.restore(revision))

    assert contents(folder) == before
    assert asyncio.run(codebase.snapshot()) == revision


def test_ignored_files_are_left_alone(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    revision = asyncio.run(codebase.snapshot())
    (folder / "keep.log").write_text("newer")
    (folder / "lib" / "other.log").write_text("other")
    asyncio.run(codebase.restore(revision))

    assert (folder / "keep.log").read_text() == "newer"
    assert (folder / "lib" / "other.log").read_text() == "other"


def test_the_folder_gets_no_file_of_ours(
    folder: Path, env: dict[str, str], contents: Contents
) -> None:
    before = contents(folder)
    codebase = opened(folder, env)
    asyncio.run(codebase.restore(asyncio.run(codebase.snapshot())))

    assert contents(folder) == before


def test_what_a_restore_takes_away_is_kept_as_a_state(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    first = asyncio.run(codebase.snapshot())
    (folder / "only.ex").write_text("nobody has a copy")
    asyncio.run(codebase.restore(first))

    git = codebase.trees.git
    kept = asyncio.run(git.line("for-each-ref", "--format=%(objectname)", "refs/genesis"))
    files = [asyncio.run(git.line("ls-tree", "-r", "--name-only", tree)) for tree in kept.split()]
    assert not (folder / "only.ex").exists()
    assert any("only.ex" in listed for listed in files)


def test_ignored_files_that_a_restore_overwrites_are_kept_too(
    folder: Path, env: dict[str, str]
) -> None:
    codebase = opened(folder, env)
    (folder / "out").write_text("a file in the state")
    first = asyncio.run(codebase.snapshot())
    (folder / "out").unlink()
    (folder / ".gitignore").write_text("*.log\nout/\n")
    asyncio.run(codebase.snapshot())
    (folder / "out").mkdir()
    (folder / "out" / "precious").write_text("precious")
    asyncio.run(codebase.restore(first))

    git = codebase.trees.git
    kept = asyncio.run(git.line("for-each-ref", "--format=%(objectname)", "refs/genesis"))
    files = [asyncio.run(git.line("ls-tree", "-r", "--name-only", tree)) for tree in kept.split()]
    assert (folder / "out").read_text() == "a file in the state"
    assert any("out/precious" in listed for listed in files)


def test_files_that_a_restored_gitignore_uncovers_go(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    first = asyncio.run(codebase.snapshot())
    (folder / ".gitignore").write_text("*.log\n*.tmp\n")
    (folder / "x.tmp").write_text("x")
    asyncio.run(codebase.restore(first))

    assert not (folder / "x.tmp").exists()
    assert asyncio.run(codebase.snapshot()) == first


def test_a_state_folder_inside_is_no_part_of_it(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env, folder / ".genesis")
    revision = asyncio.run(codebase.snapshot())
    asyncio.run(codebase.restore(revision))

    assert not [path for path in asyncio.run(codebase.list()) if path.startswith(".genesis")]
    assert asyncio.run(codebase.snapshot()) == revision


def test_commits_are_the_same_for_the_same_work(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    start = asyncio.run(codebase.snapshot())
    first = asyncio.run(codebase.commit("One", start))
    again = asyncio.run(codebase.commit("One", start))
    asyncio.run(codebase.write("lib/a.ex", "two"))
    second = asyncio.run(codebase.commit("Two", first))
    asyncio.run(codebase.restore(first))

    assert first == again
    assert second.head not in (None, first.head)
    assert (folder / "lib" / "a.ex").read_bytes() == b"a\r\nb\n"
    assert asyncio.run(codebase.snapshot()) == first


def test_opened_again_the_states_are_still_there(folder: Path, env: dict[str, str]) -> None:
    revision = asyncio.run(opened(folder, env).snapshot())
    (folder / "lib" / "a.ex").write_text("x")
    (folder.parent / "state" / "run1" / "shadow.git" / "index.lock").write_text("")
    asyncio.run(opened(folder, env).restore(revision))

    assert (folder / "lib" / "a.ex").read_bytes() == b"a\r\nb\n"


def test_no_room_for_a_state_is_said(
    folder: Path, env: dict[str, str], tiny_disk: Path, contents: Contents
) -> None:
    codebase = opened(folder, env, tiny_disk)
    (folder / "big").write_bytes(random.Random(1).randbytes(200_000))
    before = contents(folder)

    with pytest.raises(EnvironmentLacks, match="No space left on device"):
        asyncio.run(codebase.snapshot())
    assert contents(folder) == before


def test_an_unknown_state_is_an_error(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    with pytest.raises(GitFailed):
        asyncio.run(codebase.restore(Revision(tree="1" * 40)))
    assert (folder / "lib" / "a.ex").exists()


def test_the_diff_is_relative_and_readable(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    start = asyncio.run(codebase.snapshot())
    asyncio.run(codebase.write("lib/ö.ex", "new\n"))
    diff = asyncio.run(codebase.diff(start))

    assert "+++ b/lib/ö.ex\n@@ -0,0 +1 @@\n+new\n" in diff


def test_lists_know_patterns_and_leave_out_what_is_ignored(
    folder: Path, env: dict[str, str]
) -> None:
    codebase = opened(folder, env)
    (folder / "out").symlink_to("/etc")

    every = (".gitattributes", ".gitignore", "lib/a.ex", "lib/b.bin", "link", "run.sh")
    assert asyncio.run(codebase.list()) == every
    assert asyncio.run(codebase.list("lib/*.ex")) == ("lib/a.ex",)
    for pattern in ("/etc/*", "../*"):
        with pytest.raises(OutsideJail):
            asyncio.run(codebase.list(pattern))


def test_lists_follow_changes_without_a_snapshot(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    asyncio.run(codebase.snapshot())
    (folder / "lib" / "a.ex").unlink()
    (folder / "lib" / "c.ex").write_text("c")

    assert asyncio.run(codebase.list("lib/*.ex")) == ("lib/c.ex",)


def test_a_search_tells_place_and_line(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    asyncio.run(codebase.write("lib/c.ex", "def ä, do: spawn(fn -> 1 end)\r\n  spawn(f)\n"))
    (folder / "lib" / "zero.bin").write_bytes(b"\0spawn(")
    found = asyncio.run(codebase.search(r"spawn\(", glob="lib/**"))

    assert [(m.path, m.line, m.column, m.text) for m in found] == [
        ("lib/c.ex", 1, 12, "def ä, do: spawn(fn -> 1 end)"),
        ("lib/c.ex", 2, 3, "  spawn(f)"),
    ]
    assert len(asyncio.run(codebase.search("spawn", limit=1))) == 1
    with pytest.raises(UsageError, match="no regular expression"):
        asyncio.run(codebase.search("("))


def test_a_search_without_end_is_ended(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    asyncio.run(codebase.write("lib/c.ex", "a" * 60 + "b\n"))

    async def impatient() -> None:
        async with asyncio.timeout(0.5):
            await codebase.search("(a+)+$")

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())


def test_commands_run_in_the_folder_with_added_variables(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    result = asyncio.run(
        codebase.run(["sh", "-c", 'pwd; echo "$MIX_ENV"'], env={"MIX_ENV": "test"})
    )

    assert result.stdout == f"{folder}\ntest\n"


def test_forgetting_leaves_the_folder(
    folder: Path, env: dict[str, str], contents: Contents
) -> None:
    before = contents(folder)
    codebase = opened(folder, env)
    together(codebase.snapshot, codebase.forget)

    assert contents(folder) == before
    assert not (folder.parent / "state" / "run1" / "shadow.git").exists()


def test_a_folder_that_is_none_and_a_run_id_that_is_none(folder: Path, env: dict[str, str]) -> None:
    with pytest.raises(NotAProject):
        opened(folder / "run.sh", env)
    with pytest.raises(UsageError, match="run id"):
        asyncio.run(FolderCodebase.open(folder, folder, "../x", commit_date=DATE, env=env))


def test_without_git_its_installation_is_named(
    folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(MissingTool, match="git is not installed; install git"):
        opened(folder, {**env, "PATH": str(tmp_path)})


def test_cancelling_a_snapshot_leaves_no_lock(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)

    async def cancelled() -> None:
        for rounds in (1, 5, 20, 60):
            task = asyncio.create_task(codebase.snapshot())
            for _ in range(rounds):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await codebase.snapshot()

    asyncio.run(cancelled())
    assert asyncio.run(codebase.list("lib/*.ex")) == ("lib/a.ex",)


def test_a_hook_is_never_run(folder: Path, env: dict[str, str]) -> None:
    codebase = opened(folder, env)
    hooks = folder.parent / "state" / "run1" / "shadow.git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{folder.parent}/ran'\n")
        (hooks / name).chmod(0o755)
    asyncio.run(codebase.commit("x", asyncio.run(codebase.snapshot())))

    assert not (folder.parent / "ran").exists()


def test_reading_what_is_missing_is_a_codebase_error(folder: Path, env: dict[str, str]) -> None:
    with pytest.raises(CodebaseError):
        asyncio.run(opened(folder, env).read("missing.ex"))


NAMES = st.sampled_from(["a", "b", "d/a", "d/e/b", "d", "x.log", "ü ü"])
STATES = st.lists(st.dictionaries(NAMES, st.binary(max_size=40)), min_size=2, max_size=3)


def make(root: Path, state: Mapping[str, bytes]) -> dict[str, bytes]:
    """Make the folder hold `state`, as far as its names allow, and return what it holds."""
    subprocess.run(["find", str(root), "-mindepth", "1", "-delete"], check=True)
    made: dict[str, bytes] = {}
    for name, data in sorted(state.items()):
        if any(name.startswith(f"{other}/") for other in made):
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        made[name] = data
    return made


@settings(max_examples=25, deadline=None)
@given(states=STATES)
def test_every_state_can_be_restored_from_every_other(states: list[dict[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as top:
        root = Path(top) / "work"
        root.mkdir()
        codebase = opened(root, {"PATH": "/usr/bin:/bin", "HOME": top})
        kept = []
        for state in states:
            made = make(root, state)
            kept.append((asyncio.run(codebase.snapshot()), made))
        for revision, made in (*reversed(kept), *kept):
            asyncio.run(codebase.restore(revision))
            found = {
                str(path.relative_to(root)): path.read_bytes()
                for path in root.rglob("*")
                if path.is_file()
            }
            assert found == made
