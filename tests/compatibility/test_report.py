"""What is said of a folder of documents, and what it is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Bench, Write

from otp_genesis import __version__
from otp_genesis.cli.migrate import rules_of
from otp_genesis.compatibility.report import FileReport, Found, documents_in, examine
from otp_genesis.compatibility.writing import replace_file
from otp_genesis.errors import UsageError


def said(bench: Bench, path: Path, *, named: bool = True) -> FileReport:
    return examine(Found(path, named), rules_of(bench.runtime)).report


@pytest.mark.parametrize(
    ("text", "state", "passes"),
    [
        ("{strict: true, steps: [{name: a, type: say}]}", "as_is", True),
        ("{steps: [{name: a, type: say}]}", "changes", True),
        ("{steps: [{name: a, type: set_variable, variable: x, value: 1}]}", "changes", True),
        ("{steps: [{name: a, type: say, value: '{{ inputs.x + 1 }}'}]}", "undecided", True),
        ("{steps: [{name: a, type: nobody}]}", "fails", False),
        ("{workflow: 3}", "fails", False), ("{workflow: {}}", "fails", False),
        ("{workflow: [}", "fails", False), ("", "fails", False),
        ("{a: 1}", "no_pipeline", False), ("- 1", "no_pipeline", False),
        ("{steps: [{run: x}]}", "no_pipeline", False),
    ],
)  # fmt: skip
def test_the_states(bench: Bench, write: Write, text: str, state: str, passes: bool) -> None:
    """Each has one meaning; whether it runs unchanged is said beside."""
    report = said(bench, write("d.yaml", text))

    assert (state, passes) == (report.state, report.passes)
    assert bool(report.errors) is (state == "fails")
    assert bool(report.changes) is (state == "changes")


def test_a_report_says_where(bench: Bench, write: Write) -> None:
    """Every line begins with the file and the line in it as it is."""
    path = write(
        "d.yaml",
        """\
        name: n
        steps:
        - {name: a, type: say}
        - {name: b, type: set_variable, variables: {a: "{{ a }}"}}
        - {name: c, type: say, value: "{{ a }} {{ b }}"}
        """,
    )
    report = said(bench, path)

    assert () == report.changes
    asked = "if it were strict: a strict document says 'steps.a' or 'state.a'"
    expected = f"warning[bare-name]: {asked}"
    assert (f"{path}:4:52: {expected}", f"{path}:5:35: {expected}") == report.undecided


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ([], []), (["otp-genesis"], []), (["otp-genesis>=0"], []),
        (["otp-genesis>=99"], [f"the document needs otp-genesis>=99, and there is {__version__}"]),
        (["acme"], ["there is no plugin 'acme'"]),
        (["acme>=1", "otp-genesis<0"],
         ["there is no plugin 'acme'", "the document needs otp-genesis<0"]),
        (["no version!"], ["'no version!' is no requirement"]),
    ],
)  # fmt: skip
def test_versions_are_lines_of_their_own(
    bench: Bench, write: Write, requires: list[str], expected: list[str]
) -> None:
    """A document that needs another engine or plugin fails by that, not by an error."""
    path = write("d.yaml", f"{{requires: {requires!r}, steps: [{{name: a, type: say}}]}}")
    report = said(bench, path)

    assert ("fails" if expected else "changes") == report.state
    assert len(expected) == len(report.versions)
    assert all(text in line for text, line in zip(expected, report.versions, strict=True))
    assert () == report.errors


PLUGIN = """\
from otp_genesis import Plugin, step, Params, Ok, Context

class P(Params):
    pass

@step("acme_say")
async def acme_say(params: P, ctx: Context) -> Ok:
    \"\"\"Say.\"\"\"
    return Ok(output=1)

plugin = Plugin(name="acme", version="1.2", steps=[acme_say], aliases={"old_acme": "acme_say"})
"""


@pytest.mark.parametrize(("needs", "version"), [("acme>=1", None), ("acme>=2", "there is 1.2")])
def test_versions_and_names_of_plugins(
    bench: Bench, write: Write, needs: str, version: str | None
) -> None:
    """A plugin's version counts, and what it calls its types."""
    bench.runtime.use([write("acme.py", PLUGIN)])
    path = write(
        "d.yaml", f"strict: true\nrequires: ['{needs}']\nsteps: [{{name: a, type: old_acme}}]"
    )
    report = said(bench, path)

    if version is None:
        assert (f"{path}:3: type old_acme → acme_say",) == report.changes
    else:
        assert [True] == [version in line for line in report.versions]


def test_what_is_included_counts(bench: Bench, write: Write) -> None:
    """A document fails with what it includes, and the place is in the other file."""
    inner = write("inner.yaml", "{strict: true, steps: [{name: a, type: nobody}]}")
    path = write("d.yaml", "{steps: [{name: a, type: pipeline, pipeline_file: inner.yaml}]}")

    assert "fails" == said(bench, path).state
    assert said(bench, path).errors[0].startswith(f"{inner}:1:")
    inner.write_text("{steps: [{name: a, type: say}, {name: b, type: say, value: '{{ a }}'}]}")
    assert (f"{path}:1: strict: true",) == said(bench, path).changes


def test_which_files_are_looked_at(write: Write, folder: Path) -> None:
    """YAML and JSON below folders, each once; nothing hidden, nothing behind links to folders."""
    for name in (
        "b.yml", "a/c.yaml", "a/d.json", "a/e.txt", ".f.yaml", ".g/h.yaml", "node_modules/i.json"
    ):  # fmt: skip
        write(f"docs/{name}", "x: 1")
    docs = folder / "docs"
    (docs / "a" / "loop").symlink_to(docs, target_is_directory=True)
    (docs / "z.yaml").symlink_to(docs / "b.yml")
    (docs / "broken.yaml").symlink_to(docs / "nobody")
    (docs / "a" / "dir.yaml").mkdir()

    found = [str(one.path.relative_to(folder)) for one in documents_in([docs, docs / "b.yml"])]
    assert ["docs/b.yml", "docs/broken.yaml", "docs/a/c.yaml", "docs/a/d.json"] == found
    named = list(documents_in([docs / "a" / "e.txt", docs / "node_modules", folder / "no"]))
    assert [None, None, None] == [one.problem for one in named]


def test_a_folder_without_documents(folder: Path, bench: Bench) -> None:
    """It is told as what cannot be read."""
    (found,) = documents_in([folder])
    report = examine(found, rules_of(bench.runtime)).report

    assert ("unreadable", (f"{folder}: there is no document in it",)) == (
        report.state,
        report.errors,
    )


@pytest.mark.parametrize("named", [True, False])
def test_what_is_no_text(bench: Bench, folder: Path, named: bool) -> None:
    """A named file must be text; another is none of ours."""
    path = folder / "d.yaml"
    path.write_bytes(b"a: 1\nb: \xff")

    report = said(bench, path, named=named)
    assert ("unreadable" if named else "no_pipeline") == report.state
    assert (not named) or "line 2 is no UTF-8 text" in report.errors[0]


def test_what_is_not_there_or_too_large(bench: Bench, folder: Path) -> None:
    """The reason is the system's, or ours."""
    (folder / "large.yaml").write_bytes(b" " * (10 * 1024 * 1024 + 1))

    assert "No such file" in said(bench, folder / "no.yaml").errors[0]
    assert "larger than 10 MiB" in said(bench, folder / "large.yaml").errors[0]


def test_a_mark_stays(bench: Bench, folder: Path) -> None:
    """What some editors put first is there after, too."""
    path = folder / "d.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: n\nsteps: [{name: a, type: say}]\n")

    done = examine(Found(path, named=True), rules_of(bench.runtime))
    assert b"\xef\xbb\xbfname: n\nstrict: true\nsteps: [{name: a, type: say}]\n" == done.after


def test_a_file_is_replaced_whole(folder: Path) -> None:
    """Its mode stays, links to it stay links, and nothing else is left in the folder."""
    path, link = folder / "d.yaml", folder / "link.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    replace_file(link, b"old", b"new")

    assert b"new" == path.read_bytes()
    assert 0o640 == path.stat().st_mode & 0o777
    assert link.is_symlink()
    assert ["d.yaml", "link.yaml"] == sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("why", ["protected", "changed"])
def test_a_file_that_is_not_replaced(folder: Path, why: str) -> None:
    """One that is write-protected, or was changed since it was read."""
    path = folder / "d.yaml"
    path.write_bytes(b"old")
    if why == "protected":
        path.chmod(0o444)
    with pytest.raises(UsageError, match=f"d.yaml: it (is write-|was ){why}"):
        replace_file(path, b"old" if why == "protected" else b"older", b"new")

    assert b"old" == path.read_bytes()
    assert ["d.yaml"] == [one.name for one in folder.iterdir()]
