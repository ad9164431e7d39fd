"""Reading and changing files: exact, atomic, all or nothing."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis.codebase.files import ProjectFiles
from otp_genesis.codebase.jail import Jail
from otp_genesis.errors import (
    CodebaseError,
    EnvironmentLacks,
    GenesisError,
    OutsideJail,
    StaleChange,
    UsageError,
)
from otp_genesis.model.change import ChangeSet, Edit, FileChange, digest


@pytest.fixture
def files(tmp_path: Path) -> ProjectFiles:
    """An empty project."""
    return ProjectFiles(Jail.at(tmp_path))


def whole(path: str, text: str, base: bytes | None = None) -> FileChange:
    end = len(base or b"")
    return FileChange(
        path=path,
        base=None if base is None else digest(base),
        edits=(Edit(start=0, end=end, text=text),),
    )


def below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_written_is_read_with_its_line_ends(files: ProjectFiles) -> None:
    files.write("lib/neu/ä.ex", "a\r\nb\n\ufeff")

    assert files.read("lib/neu/ä.ex") == "a\r\nb\n\ufeff"


def test_a_missing_file_and_a_binary_one_are_said(files: ProjectFiles, tmp_path: Path) -> None:
    (tmp_path / "x.beam").write_bytes(b"FOR1\xff\xfe")

    with pytest.raises(CodebaseError, match=r"no\.ex: there is no such file"):
        files.read("no.ex")
    with pytest.raises(CodebaseError, match="no UTF-8 text"):
        files.read("x.beam")
    with pytest.raises(CodebaseError, match="is a folder"):
        files.write(".", "x")


def test_a_written_file_keeps_its_mode(files: ProjectFiles, tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("a")
    (tmp_path / "run.sh").chmod(0o750)
    files.write("run.sh", "b")

    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o750


def test_writing_through_a_link_changes_its_target_inside_and_nothing_outside(
    tmp_path: Path,
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside").write_text("outside")
    (root / "a").write_text("a")
    (root / "link").symlink_to("a")
    (root / "out").symlink_to("../outside")
    files = ProjectFiles(Jail.at(root))
    files.write("link", "b")

    assert (root / "link").is_symlink()
    assert (root / "a").read_text() == "b"
    with pytest.raises(OutsideJail):
        files.write("out", "x")
    assert (tmp_path / "outside").read_text() == "outside"


def test_an_edit_needs_the_exact_count(files: ProjectFiles) -> None:
    files.write("a.ex", "x y x")

    with pytest.raises(StaleChange, match="occurs 2 times, not 1"):
        files.edit("a.ex", "x", "z", count=1)
    with pytest.raises(StaleChange, match="occurs 0 times"):
        files.edit("a.ex", "q", "z", count=1)
    with pytest.raises(UsageError, match="empty"):
        files.edit("a.ex", "", "z", count=1)
    files.edit("a.ex", "x", "z", count=2)
    assert files.read("a.ex") == "z y z"


def test_a_submodule_can_be_read_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "a").write_text("a")
    files = ProjectFiles(Jail.at(tmp_path), sealed=(tmp_path / "vendor",))

    assert files.read("vendor/a") == "a"
    with pytest.raises(OutsideJail, match="submodule"):
        files.write("vendor/b", "x")


def test_a_change_is_made_in_all_its_files(files: ProjectFiles, tmp_path: Path) -> None:
    files.write("a.ex", "one two")
    edit = Edit(start=0, end=3, text="1")
    files.apply(
        ChangeSet(
            files=(
                FileChange(path="a.ex", base=digest(b"one two"), edits=(edit,)),
                whole("lib/new/b.ex", "b"),
            )
        )
    )

    assert below(tmp_path) == {"a.ex": b"1 two", "lib/new/b.ex": b"b"}


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (whole("b.ex", "x", b"not what it is"), "has changed"),
        (whole("b.ex", "x"), "has changed"),
        (whole("gone.ex", "x", b"was here"), "has changed"),
        (whole("./a.ex", "x", b"a"), "twice"),
        (whole("../x", "x"), "outside"),
        (whole("a.ex/x", "x"), "cannot write"),
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(
    files: ProjectFiles, tmp_path: Path, second: FileChange, why: str
) -> None:
    files.write("a.ex", "a")
    files.write("b.ex", "b")

    with pytest.raises(CodebaseError, match=why):
        files.apply(ChangeSet(files=(whole("new/c.ex", "c"), whole("a.ex", "!", b"a"), second)))
    assert below(tmp_path) == {"a.ex": b"a", "b.ex": b"b"}
    assert not (tmp_path / "new").exists()


def test_on_a_full_disk_nothing_is_half_written(tiny_disk: Path) -> None:
    files = ProjectFiles(Jail.at(tiny_disk))
    files.write("a.ex", "a" * 9000)
    before = below(tiny_disk)
    change = ChangeSet(
        files=(
            whole("a.ex", "b" * 9000, b"a" * 9000),
            whole("lib/b.ex", "b" * 9000),
            whole("lib/c.ex", "c" * 60_000),
        )
    )

    with pytest.raises(EnvironmentLacks, match=r"lib/c\.ex: No space left on device"):
        files.apply(change)
    assert below(tiny_disk) == before
    assert not (tiny_disk / "lib").exists()
    with pytest.raises(EnvironmentLacks, match="No space left"):
        files.write("a.ex", "c" * 70_000)
    assert below(tiny_disk) == before


def test_without_free_inodes_nothing_is_half_written(tiny_disk: Path) -> None:
    files = ProjectFiles(Jail.at(tiny_disk))
    files.write("a.ex", "a")
    changes = tuple(whole(f"f{number}", "x") for number in range(60))

    with pytest.raises(EnvironmentLacks, match="No space left"):
        files.apply(ChangeSet(files=(whole("a.ex", "b", b"a"), *changes)))
    assert below(tiny_disk) == {"a.ex": b"a"}


def test_a_read_only_file_system_is_said(tiny_disk: Path) -> None:
    files = ProjectFiles(Jail.at(tiny_disk))
    files.write("a.ex", "a")
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)

    with pytest.raises(EnvironmentLacks, match=r"a\.ex: Read-only file system"):
        files.write("a.ex", "b")
    assert files.read("a.ex") == "a"


def test_what_fails_while_files_are_exchanged_is_undone(
    files: ProjectFiles, tmp_path: Path
) -> None:
    files.write("a.ex", "a")
    files.write("fixed/b.ex", "b")
    mount = ["mount", "--bind", str(tmp_path / "fixed" / "b.ex"), str(tmp_path / "fixed" / "b.ex")]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file cannot be mounted here")
    try:
        # A mount point can be written beside and not be renamed over.
        with pytest.raises(GenesisError, match=r"fixed/b\.ex: Device or resource busy"):
            files.apply(
                ChangeSet(
                    files=(
                        whole("a.ex", "!", b"a"),
                        whole("new.ex", "!"),
                        whole("fixed/b.ex", "!", b"b"),
                    )
                )
            )
    finally:
        subprocess.run(["umount", str(tmp_path / "fixed" / "b.ex")], check=True)
    assert below(tmp_path) == {"a.ex": b"a", "fixed/b.ex": b"b"}


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@settings(deadline=None)
@given(text=TEXTS, old=TEXTS.filter(bool), new=TEXTS)
def test_an_edit_is_what_replacing_in_memory_is(text: str, old: str, new: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = ProjectFiles(Jail.at(Path(folder)))
        files.write("a", text)
        count = text.count(old)
        if count == 0:
            with pytest.raises(StaleChange):
                files.edit("a", old, new, count=1)
        else:
            files.edit("a", old, new, count=count)

        assert files.read("a") == text.replace(old, new)
        assert list(below(Path(folder))) == ["a"]


CHANGES = st.dictionaries(
    st.sampled_from(["a", "b", "lib/c", "lib/d/e"]), st.tuples(TEXTS, st.booleans()), min_size=1
)


@settings(deadline=None)
@given(before=st.dictionaries(st.sampled_from(["a", "b", "lib/c"]), TEXTS), changes=CHANGES)
def test_a_change_is_made_whole_or_not_at_all(
    before: dict[str, str], changes: dict[str, tuple[str, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = ProjectFiles(Jail.at(root))
        for path, text in before.items():
            files.write(path, text)
        made = []
        for path, (text, stale) in changes.items():
            base = before[path].encode() if path in before else None
            change = whole(path, text, base)
            made.append(change.model_copy(update={"base": "0" * 64}) if stale else change)
        expected = dict(before)
        if any(stale for _, stale in changes.values()):
            with pytest.raises(StaleChange):
                files.apply(ChangeSet(files=tuple(made)))
        else:
            files.apply(ChangeSet(files=tuple(made)))
            expected |= {path: text for path, (text, _) in changes.items()}

        assert below(root) == {path: text.encode() for path, text in expected.items()}


def test_what_is_at_a_path(files: ProjectFiles, tmp_path: Path) -> None:
    """A file with its size, a folder, or nothing; a path below a file is nothing, too."""
    files.write("a/b.txt", "ä")

    assert [(False, 2), (True, 0)] == [
        (facts.folder, facts.size) for path in ("a/b.txt", "a") if (facts := files.describe(path))
    ]
    assert [None, None] == [files.describe("nope"), files.describe("a/b.txt/c")]


def test_copy_move_and_remove(files: ProjectFiles, tmp_path: Path) -> None:
    """Any bytes, files and whole folders; folders on the way are made."""
    (tmp_path / "x.bin").write_bytes(b"\xff\x00")
    files.copy("x.bin", "d/e/y.bin")
    files.move("d", "f/g")
    files.move("f/g/e/y.bin", "x.bin")
    files.remove("f")

    assert ["x.bin"] == [path.name for path in tmp_path.rglob("*")]
    for act in (
        files.remove,
        lambda path: files.move(path, "z"),
        lambda path: files.copy(path, "z"),
    ):
        with pytest.raises(CodebaseError, match="there is no such file"):
            act("nope")


def test_a_link_is_removed_and_not_what_it_leads_to(files: ProjectFiles, tmp_path: Path) -> None:
    """A symbolic link is its own thing where it is to go or to be called otherwise."""
    files.write("real/a.txt", "kept")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "other").symlink_to("real")
    files.remove("link")
    files.move("other", "renamed")

    assert "kept" == files.read("real/a.txt")
    assert "kept" == files.read("renamed/a.txt")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "renamed").is_symlink()


@pytest.mark.parametrize("path", ["vendor", "vendor/x", "above", ".", "repo", "out/x", "../x"])
def test_what_must_stay(tmp_path: Path, path: str) -> None:
    """Submodules, the project itself, repositories within it and all outside stay."""
    for folder in ("vendor", "above/sub", "repo/.git"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "vendor" / "x").touch()
    (tmp_path / "out").symlink_to("/tmp")
    sealed = (tmp_path / "vendor", tmp_path / "above" / "sub")
    files = ProjectFiles(Jail.at(tmp_path), sealed=sealed)

    with pytest.raises(OutsideJail):
        files.remove(path)
    with pytest.raises(OutsideJail):
        files.move(path, "elsewhere")
