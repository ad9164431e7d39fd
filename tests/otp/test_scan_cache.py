"""A second scan of a folder: what did not change is not read again, and nothing is missed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import Report, scan
from otp_genesis.otp.sweep import sweep
from otp_genesis.otp.vocabulary import vocabulary_of

RULES = all_rules()
VOCABULARY = vocabulary_of(RULES)
FLAW = "defmodule {}.Job do\n  def go(f) do\n    spawn(f)\n    :ok\n  end\nend\n"
CLEAN = "defmodule {}.Job do\n  def go(f) do\n    f.()\n    :ok\n  end\nend\n"
BASE = "defmodule Base do\n  defmacro __using__(_), do: quote(do: use({}))\nend\n"
SERVER = (
    "defmodule Server do\n  use Base\n  def init(_), do: {:ok, 1}\n"
    "  def handle_info(:a, s), do: {:noreply, s}\nend\n"
)
LONG_AGO = 1_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of two files, written long ago."""
    put(tmp_path / "project/mix.exs", "# none\n")
    put(tmp_path / "project/lib/a.ex", FLAW.format("A"))
    put(tmp_path / "project/lib/b.ex", CLEAN.format("B"))
    return tmp_path / "project"


def put(path: Path, text: str) -> None:
    """Write a file with an old date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (LONG_AGO, LONG_AGO))


def swept(root: Path, cache: str = "cache") -> Report:
    """Scan with a cache beside the project."""
    return sweep(root, RULES, VOCABULARY, cache=root.parent / cache)[1]


def expected(root: Path) -> object:
    """What a scan of all of it finds."""
    return scan(Project.read(root, vocabulary=VOCABULARY), RULES).findings


def test_nothing_changed(root: Path) -> None:
    """All files count as known, and the report is the same but for the time."""
    first, second = swept(root), swept(root)

    assert (0, 3) == (first.cached, second.cached)
    assert first.findings == second.findings == expected(root)
    assert (first.files, first.lines, first.unparsed) == (
        second.files,
        second.lines,
        second.unparsed,
    )


def test_one_changed(root: Path) -> None:
    """Only what changed is read again, even where size and date stay."""
    swept(root)
    put(root / "lib/b.ex", FLAW.format("B").replace("spawn(f)\n    :ok", "spawn(f)\n    :o")[:-1])
    put(root / "lib/b.ex", FLAW.format("B"))
    report = swept(root)

    assert 2 == report.cached
    assert {"lib/a.ex", "lib/b.ex"} == {finding.file for finding in report.findings}
    assert report.findings == expected(root)


def test_touched_only(root: Path) -> None:
    """A file with a new date and the same content is no change."""
    swept(root)
    (root / "lib/a.ex").touch()

    assert 3 == swept(root).cached


def test_come_and_gone(root: Path) -> None:
    """New files are found, and what was in files that have gone is not."""
    swept(root)
    (root / "lib/a.ex").unlink()
    put(root / "lib/c.ex", FLAW.format("C"))
    report = swept(root)

    assert ["lib/c.ex"] == [finding.file for finding in report.findings]


def test_used_module_changed(root: Path) -> None:
    """What a file is depends on the modules that it uses."""
    put(root / "lib/base.ex", BASE.format("GenServer"))
    put(root / "lib/server.ex", SERVER)
    before = swept(root)
    put(root / "lib/base.ex", BASE.format("Agent"))
    after = swept(root)

    assert "OTP021" in {finding.rule for finding in before.findings}
    assert "OTP021" not in {finding.rule for finding in after.findings}
    assert after.findings == expected(root)


def test_lost_file(root: Path) -> None:
    """A file that cannot be read as Elixir is told again, and when it is mended."""
    put(root / "lib/c.ex", "def (")
    first, second = swept(root), swept(root)
    put(root / "lib/c.ex", FLAW.format("C"))
    third = swept(root)

    assert ["lib/c.ex"] == [lost.file for lost in first.unparsed]
    assert first.unparsed == second.unparsed
    assert () == third.unparsed
    assert third.findings == expected(root)


def test_other_rules(root: Path) -> None:
    """What other rules found is not looked at."""
    swept(root)
    _, report = sweep(root, RULES, VOCABULARY, ["OTP014"], cache=root.parent / "cache")

    assert (0, ()) == (report.cached, report.findings)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": {}}', '{"files": {"lib/a.ex": [1]}, "written_ns": 1}']
)
def test_broken_cache(root: Path, text: str) -> None:
    """A cache that is no cache is none."""
    swept(root)
    (kept,) = (root.parent / "cache").iterdir()
    kept.write_text(text)

    assert swept(root).findings == expected(root)


def test_cache_that_cannot_be_kept(root: Path) -> None:
    """Where nothing can be written the scan is the same."""
    (root.parent / "file").write_text("")

    assert swept(root, "file/cache").findings == expected(root)


NAPS = "defmodule M do\n  def f, do: Process.sleep(9)\nend\n"
TEXTS = st.sampled_from(
    [
        *(FLAW.format("A"), CLEAN.format("A"), SERVER, NAPS),
        *(BASE.format("GenServer"), BASE.format("Agent"), "def (", ""),
    ]
)
PATHS = st.sampled_from(["lib/a.ex", "lib/b.ex", "lib/base.ex", "test/a_test.exs"])


@settings(max_examples=25, deadline=None)
@given(changes=st.lists(st.dictionaries(PATHS, st.none() | TEXTS, min_size=1), max_size=4))
def test_any_changes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, str]]
) -> None:
    """After any change of any files a scan with a cache finds what one without it finds."""
    root = tmp_path_factory.mktemp("any") / "project"
    put(root / "mix.exs", "# none\n")
    for change in changes:
        for path, text in change.items():
            if text is None:
                (root / path).unlink(missing_ok=True)
            else:
                put(root / path, text)

        assert swept(root).findings == expected(root)
