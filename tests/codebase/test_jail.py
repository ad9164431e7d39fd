"""The jail: no path leads out of the project, whatever it looks like."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis.codebase.jail import Jail
from otp_genesis.errors import OutsideJail


@pytest.fixture
def jail(tmp_path: Path) -> Jail:
    """A project with links of all kinds in it."""
    return Jail.at(furnished(tmp_path))


@pytest.fixture(scope="module")
def shared_jail() -> Iterator[Jail]:
    """The same, once for all random paths."""
    with tempfile.TemporaryDirectory() as folder:
        yield Jail.at(furnished(Path(folder)))


def furnished(folder: Path) -> Path:
    root = folder / "project"
    (root / "lib" / "deep").mkdir(parents=True)
    (root / ".git" / "hooks").mkdir(parents=True)
    (folder / "outside").mkdir()
    (folder / "outside" / "secret").write_text("secret")
    (root / "lib" / "a.ex").write_text("a")
    (root / "in").symlink_to("lib")
    (root / "inner.ex").symlink_to("lib/a.ex")
    (root / "out").symlink_to("../outside")
    (root / "out.ex").symlink_to(folder / "outside" / "secret")
    (root / "nowhere").symlink_to("../outside/not-yet")
    (root / "repo").symlink_to(".git")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("lib/a.ex", "lib/a.ex"),
        ("lib//./a.ex", "lib/a.ex"),
        ("lib/new/deeper/b.ex", "lib/new/deeper/b.ex"),
        ("in/a.ex", "lib/a.ex"),
        ("inner.ex", "lib/a.ex"),
        ("in/new.ex", "lib/new.ex"),
        (".gitignore", ".gitignore"),
        ("lib/.github", "lib/.github"),
        ("größe/ä b.ex", "größe/ä b.ex"),
        (".", "."),
    ],
)
def test_paths_inside_are_resolved(jail: Jail, path: str, real: str) -> None:
    assert jail.root / real == jail.resolve(path)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("..", "'..'"),
        ("lib/../../outside/secret", "'..'"),
        ("lib/../lib/a.ex", "'..'"),
        ("lib\\..\\..\\x", "'..'"),
        ("a\0b", "character"),
        ("a\ud800", "character"),
        (".git", ".git"),
        (".git/hooks/pre-commit", ".git"),
        ("lib/.GIT/config", ".git"),
        (".Git /config", ".git"),
        (".g\u200cit/config", ".git"),
        ("GIT~1/config", ".git"),
        ("repo/config", "into .git"),
        ("out/secret", "leads out"),
        ("out/new", "leads out"),
        ("out.ex", "leads out"),
        ("nowhere", "leads out"),
        ("nowhere/x", "leads out"),
        ("loop", "circle"),
        ("pipe", "neither a file nor a folder"),
    ],
)
def test_paths_that_lead_out_are_refused_with_the_reason(jail: Jail, path: str, why: str) -> None:
    with pytest.raises(OutsideJail, match=why):
        jail.resolve(path)


def test_devices_are_refused() -> None:
    with pytest.raises(OutsideJail, match="neither"):
        Jail.at(Path("/dev")).resolve("null")


PIECES = st.sampled_from(
    ["lib", "a.ex", "in", "out", "nowhere", "repo", "loop", "..", ".", "", ".git", ".GIT", "new"]
)
PATHS = st.one_of(
    st.text(),
    st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=6).map("/".join),
    st.lists(PIECES, max_size=6).map(lambda parts: "/" + "/".join(parts)),
)


@settings(deadline=None)
@given(path=PATHS)
def test_whatever_is_let_through_is_inside(shared_jail: Jail, path: str) -> None:
    try:
        real = shared_jail.resolve(path)
    except OutsideJail:
        return

    assert str(real) == os.path.realpath(real)
    assert real.is_relative_to(shared_jail.root)
    assert ".git" not in [part.lower() for part in real.relative_to(shared_jail.root).parts]
