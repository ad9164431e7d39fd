"""`genesis migrate` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Genesis, Write

OLD = "# c\nname: n\nsteps:\n- {name: a, type: set_variable, variables: {x: 1}}\n"
NEW = OLD.replace("name: n\n", "name: n\nstrict: true\n")
OPEN = OLD + "- {name: b, type: set_variable, variables: {a: '{{ a }}'}}\n"
BAD = "steps: [{name: a, type: nobody}]\n"


@pytest.fixture
def some(write: Write) -> Path:
    """A folder with one document of each kind."""
    write("docs/good.yaml", NEW)
    write("docs/old.yaml", OLD)
    write("docs/other.json", '{"a": 1}')
    return write("docs/sub/open.yaml", OPEN).parent.parent


def test_one_document(genesis: Genesis, write: Write) -> None:
    """It is printed as it would be; the file is not touched."""
    path = write("d.yaml", OLD)
    done = genesis("migrate", "d.yaml")

    assert (0, NEW, "") == (done.returncode, done.stdout, done.stderr)
    assert OLD == path.read_text()


def test_the_diff(genesis: Genesis, some: Path) -> None:
    """Of all files, on stdout; what is open on stderr."""
    done = genesis("migrate", "docs", "--diff")

    assert 1 == done.returncode
    assert (
        "--- a/docs/old.yaml\n+++ b/docs/old.yaml\n@@ -1,4 +1,5 @@\n # c\n name: n\n+strict: true\n"
    ) in done.stdout
    assert "docs/sub/open.yaml:5:52: warning[bare-name]" in done.stderr
    assert "docs/other.json: no pipeline\n" in done.stderr
    assert 1 == done.stdout.count("strict: true")


def test_writing(genesis: Genesis, some: Path) -> None:
    """The files are changed; a second time there is nothing to do."""
    done = genesis("migrate", "docs", "--write")

    assert 1 == done.returncode
    told = "docs/good.yaml: as it is\ndocs/old.yaml: 1 change\ndocs/sub/open.yaml: as it is\n"
    assert told == done.stdout
    assert NEW == (some / "old.yaml").read_text()
    assert "docs/old.yaml: as it is\n" in genesis("migrate", "docs", "--write").stdout


def test_the_report(genesis: Genesis, some: Path) -> None:
    """Every document with its state, at the end how many there are."""
    (some / "bad.yaml").write_text(BAD)
    (some / "version.yaml").write_text(f"requires: ['otp-genesis>=99']\n{OLD}")
    done = genesis("migrate", "docs", "--report")

    assert (2, "") == (done.returncode, done.stderr)
    lines = done.stdout.splitlines()
    assert "docs/good.yaml: runs as it is" in lines
    assert "docs/old.yaml: runs as it is; is rewritten" in lines
    assert "  docs/old.yaml:2: strict: true" in lines
    assert "docs/sub/open.yaml: runs as it is; a person must decide" in lines
    assert "docs/bad.yaml: does not pass the check" in lines
    assert any(line.startswith("  version: docs/version.yaml:1:12: error") for line in lines)
    assert lines[-1] == ("6 files: as is 1, changes 1, undecided 1, fails 2, no pipeline 1")
    assert done.stdout == genesis("migrate", "docs").stdout


def test_what_runs_and_is_rewritten(genesis: Genesis, write: Write) -> None:
    """That is said, both."""
    write("d.yaml", OLD.replace("variables: {x: 1}", "variable: x, value: 1"))

    told = genesis("migrate", "d.yaml", "--report").stdout
    assert "d.yaml: runs as it is; is rewritten\n" in told


@pytest.mark.parametrize("form", [(), ("--diff",), ("--write",), ("--report",)])
def test_json_is_one_document(genesis: Genesis, some: Path, form: tuple[str, ...]) -> None:
    """In every form, with the state of each file and what the form asks for."""
    done = genesis("migrate", "docs", "d.yaml", *form, "--json")
    data = json.loads(done.stdout)

    assert (2, "") == (done.returncode, done.stderr)
    assert 1 == data["version"]
    files = {one["file"]: one for one in data["files"]}
    assert ["docs/good.yaml", "docs/old.yaml", "docs/other.json"] == sorted(files)[1:4]
    assert "unreadable" == files["d.yaml"]["state"]
    assert ["docs/old.yaml:2: strict: true"] == files["docs/old.yaml"]["changes"]
    if form == ("--diff",):
        assert "+strict: true\n" in files["docs/old.yaml"]["diff"]
    if form == ("--write",):
        assert [False, True] == [files[f"docs/{n}.yaml"]["written"] for n in ("good", "old")]


def test_json_of_one_document_has_its_text(genesis: Genesis, write: Write) -> None:
    """As it would be."""
    write("d.yaml", OLD)

    assert NEW == genesis.json("migrate", "d.yaml")["files"][0]["text"]


def test_one_bad_file_stops_nothing(genesis: Genesis, some: Path) -> None:
    """The others are written; the end is 2."""
    (some / "bad.yaml").write_text(BAD)
    (some / "a.yaml").write_bytes(b"\xff")
    done = genesis("migrate", "nobody", "docs/a.yaml", "docs", "--write")

    assert 2 == done.returncode
    assert NEW == (some / "old.yaml").read_text()
    assert BAD == (some / "bad.yaml").read_text()
    assert "nobody: No such file or directory\n" in done.stderr
    assert "docs/a.yaml: line 1 is no UTF-8 text; save the file as UTF-8\n" in done.stderr
    assert "docs/bad.yaml:1:" in done.stderr
    assert "bad.yaml" not in done.stdout


def test_a_file_that_cannot_be_written(genesis: Genesis, write: Write) -> None:
    """It is told on stderr, and the end is 2."""
    path = write("d.yaml", OLD)
    path.chmod(0o444)
    done = genesis("migrate", "d.yaml", "--write")

    assert (2, "") == (done.returncode, done.stdout)
    assert "d.yaml: it is write-protected\n" == done.stderr
    assert OLD == path.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["d.yaml", "--diff", "--write"], "exclude each other"), ([], "Missing argument"),
        (["notes.yaml"], "notes.yaml: no pipeline"), (["empty"], "empty: there is no document"),
        (["d.yaml", "--plugin", "nobody.py"], "nobody.py"),
    ],
)  # fmt: skip
def test_wrong_calls(genesis: Genesis, write: Write, arguments: list[str], said: str) -> None:
    """They end with 2 and say why."""
    write("d.yaml", OLD)
    write("notes.yaml", "a: 1")
    (genesis.folder / "empty").mkdir()
    done = genesis("migrate", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr


def test_a_name_that_is_no_text(genesis: Genesis) -> None:
    """It is shown as far as it can be."""
    (genesis.folder / "a\udcff.yaml").write_text(OLD)
    done = genesis("migrate", ".", "--write")

    assert (0, "a\\udcff.yaml: 1 change\n") == (done.returncode, done.stdout)
