"""Several files at once: patterns, folders, all or none, lists, and what is in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench

from otp_genesis.steps.file_ops_selecting import is_glob

FILES = {
    "src/a.py": "a", "src/b.py": "b", "src/sub/c.py": "c", "src/sub/a.txt": "t", ".hidden": "h",
    "täst.md": "ä", "cache/x.tmp": "x", "cache/y.tmp": "y",
}  # fmt: skip


@pytest.fixture
def ws(bench: Bench) -> Path:
    made = bench.folder / "ws"
    for name, text in FILES.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made


def one(bench: Bench, keys: str) -> Any:
    return bench.results(f"- {{name: f, type: file_ops, {keys}}}")["f"]


def failure(bench: Bench, keys: str) -> str:
    return bench.failure(f"- {{name: f, type: file_ops, {keys}}}")


def tree(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.mark.parametrize(
    ("keys", "made"),
    [
        ("source: 'src/*.py', destination: out", {"out/a.py", "out/b.py"}),
        ("source: ./src/**/*.py, destination: ./out/", {"out/a.py", "out/b.py", "out/c.py"}),
        ("source: [src/a.py, 'src/sub/*'], destination: out",
         {"out/a.py", "out/c.py", "out/a.txt"}),
        ("source: 'src/**/*.{py,txt}', destination: out, options: {preserve_structure: true}",
         {"out/a.py", "out/b.py", "out/sub/c.py", "out/sub/a.txt"}),
        ("source: [{pattern: 'src/**/*.py'}, {exclude: ['**/b.py', 'src/sub/*']}],"
         " destination: out", {"out/a.py"}),
        ("source: {pattern: 'src/*.py', exclude: src/a.py}, destination: out", {"out/b.py"}),
        ("source: src, destination: out, recursive: true",
         {"out/a.py", "out/b.py", "out/sub/c.py", "out/sub/a.txt"}),
        ("source: [src/sub/, cache], destination: out, options: {recursive: true}",
         {"out/sub/c.py", "out/sub/a.txt", "out/cache/x.tmp", "out/cache/y.tmp"}),
        ("source: src/a.py, destination: src/sub", {"src/sub/a.py"}),
        ("source: src/a.py, destination: new/", {"new/a.py"}),
        ("source: täst.md, destination: ö/é.md", {"ö/é.md"}),
        ("files: [{source: src/a.py, destination: x/1}, {source: src/a.py, destination: x/}]",
         {"x/1", "x/a.py"}),
    ],
)  # fmt: skip
def test_copies(bench: Bench, ws: Path, keys: str, made: set[str]) -> None:
    """Every way to name files, and where they go; what is there already stays."""
    one(bench, f"operation: copy, {keys}")
    after = tree(ws)

    assert made == after.keys() - FILES.keys()
    assert FILES == {name: after[name] for name in FILES}


def test_what_a_result_tells(bench: Bench, ws: Path) -> None:
    """Of one file its paths; of several a row for each and their count."""
    assert {
        "operation": "copy", "source": f"{ws}/src/a.py", "destination": f"{ws}/x",
        "status": "completed",
    } == one(bench, "operation: copy, source: src/a.py, destination: x")  # fmt: skip
    assert {
        "operation": "move",
        "files": [{"source": f"{ws}/cache/x.tmp", "destination": f"{ws}/o/x.tmp"}],
        "count": 1, "status": "dry_run",
    } == one(
        bench, "operation: move, source: '**/x.tmp', destination: o, options: {dry_run: true}"
    )  # fmt: skip
    assert (ws / "cache" / "x.tmp").exists()


def test_moves(bench: Bench, ws: Path) -> None:
    """Files by a pattern, and a folder with all in it."""
    one(bench, "operation: move, source: 'cache/*.tmp', destination: done/")
    one(bench, "operation: move, source: src, destination: old/src")

    assert {
        "done/x.tmp", "done/y.tmp", "old/src/a.py", "old/src/b.py", "old/src/sub/c.py",
        "old/src/sub/a.txt", ".hidden", "täst.md",
    } == tree(ws).keys()  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "gone"),
    [
        ("files: ['**/*.tmp', src/b.py]", {"cache/x.tmp", "cache/y.tmp", "src/b.py"}),
        ("files: [{pattern: '**/*.py', exclude: src/a.py}]", {"src/b.py", "src/sub/c.py"}),
        ("files: ['src/*', 'src/sub/*']",
         {"src/a.py", "src/b.py", "src/sub/c.py", "src/sub/a.txt"}),
        ("files: ['*.none']", set()),
        ("files: ['**/*.tmp', {older_than: 7 days}]", {"cache/x.tmp"}),
        ("files: ['**/*.tmp'], options: {dry_run: true}", set()),
        ("path: cache", {"cache/x.tmp", "cache/y.tmp"}),
    ],
)  # fmt: skip
def test_removals(bench: Bench, ws: Path, keys: str, gone: set[str]) -> None:
    """Paths, patterns and ages; a folder with all in it."""
    os.utime(ws / "cache" / "x.tmp", (1, 1))
    one(bench, f"operation: delete, {keys}")

    assert gone == FILES.keys() - tree(ws).keys()
    assert not list(ws.glob(".genesis*"))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("operation: copy, source: [src/a.py, nope], destination: out", "nope: there is no such"),
        ("operation: move, source: [src/a.py, nope], destination: out", "nope: there is no such"),
        ("operation: delete, files: [src/a.py, nope]", "nope: there is no such file"),
        ("operation: copy, files: [{source: src/a.py, destination: täst.md},"
         " {source: src/b.py, destination: src/sub}]", "src/sub: is a folder"),
        ("operation: copy, source: [src/a.py, src/b.py], destination: ../x", "holds '..'"),
        ("operation: copy, source: ['../*'], destination: x", "leads out of the workspace"),
        ("operation: copy, source: 'no*', destination: x", "no file fits the source"),
        ("operation: copy, source: src, destination: out", "say 'recursive: true' to copy"),
        ("operation: copy, source: '**/a.*', destination: täst.md/x", "täst.md"),
        ("operation: copy, source: [src/a.py, src/sub/c.py], destination: src/sub",
         "src/sub/c.py is copied or moved itself and would be overwritten"),
        ("operation: copy, source: [src/sub/a.txt, {pattern: 'src/sub/../*'}], destination: x",
         "leads out of the workspace"),
        ("operation: copy, source: src/a.py, destination: täst.md, options: {overwrite: false}",
         "täst.md: is there already, and 'overwrite' is false"),
        ("operation: delete, files: ['link/*', src/a.py, .git/x]", "points into .git"),
        ("operation: delete, files: [link/passwd]", "a symbolic link leads out"),
    ],
)  # fmt: skip
def test_all_or_none(bench: Bench, ws: Path, keys: str, said: str) -> None:
    """Where one file cannot be dealt with, all of them are as they were."""
    (ws / "link").symlink_to("/etc")

    assert said in failure(bench, keys)
    assert FILES == {name: text for name, text in tree(ws).items() if not name.startswith("link")}
    assert not list(ws.glob(".genesis*"))


def test_two_files_of_one_name(bench: Bench, ws: Path) -> None:
    """Neither replaces the other: the failure names both, and the way out."""
    (ws / "src" / "sub" / "a.py").write_text("another")
    keys = "operation: copy, source: 'src/**/a.py', destination: out"

    assert "src/a.py and src/sub/a.py would both become out/a.py" in failure(bench, keys)
    one(bench, f"{keys}, options: {{preserve_structure: true}}")
    assert ["a", "another"] == [(ws / "out" / name).read_text() for name in ("a.py", "sub/a.py")]


def test_not_atomic(bench: Bench, ws: Path) -> None:
    """Where it is so wished, what was done before the failure stays done."""
    failure(bench, "operation: copy, source: [src/a.py, nope], destination: out, atomic: false")

    assert "a" == (ws / "out" / "a.py").read_text()
    assert not list(ws.glob(".genesis*"))


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ("path: .", [".hidden", "cache", "empty", "src", "täst.md"]),
        ("path: ., options: {include_hidden: false}", ["cache", "empty", "src", "täst.md"]),
        ("path: src, pattern: '[.]py$'", ["src/a.py", "src/b.py"]),
        ("path: src, pattern: '*.py'", ["src/a.py", "src/b.py"]),
        ("path: src, pattern: 'sub|b'", ["src/b.py", "src/sub"]),
        ("path: src/, pattern: '*.py', recursive: true", ["src/a.py", "src/b.py", "src/sub/c.py"]),
        ("path: ., pattern: '**/*.{py,md}'",
         ["src/a.py", "src/b.py", "src/sub/c.py", "täst.md"]),
        ("path: ., pattern: 'sub/.*txt', recursive: true", ["src/sub/a.txt"]),
        ("path: ., options: {pattern: 'c*', recursive: true}", ["src/sub/c.py"]),
        ("path: ., pattern: '**'",
         [".hidden", "cache/x.tmp", "cache/y.tmp", "src/a.py", "src/b.py", "src/sub/a.txt",
          "src/sub/c.py", "täst.md"]),
        ("path: cache, options: {sort_by: modified}", ["cache/y.tmp", "cache/x.tmp"]),
        ("path: ., recursive: true, options: {sort_by: size, limit: 1}", ["täst.md"]),
        ("path: empty", []),
        ("path: empty, pattern: '**/*'", []),
    ],
)  # fmt: skip
def test_lists(bench: Bench, ws: Path, keys: str, names: list[str]) -> None:
    """Globs and regular expressions, in one folder or below it."""
    os.utime(ws / "cache" / "x.tmp", (1, 1))
    (ws / "empty").mkdir()
    result = one(bench, f"operation: list, {keys}, output_field: found")

    assert [f"{ws}/{name}" for name in names] == result["files"] == result["found"]
    assert len(names) == result["count"]


def test_what_files_should_be(bench: Bench, ws: Path) -> None:
    """Patterns, the content of folders, and the form of data."""
    (ws / "ok.json").write_text('{"a": 1}')
    (ws / "bad.json").write_text("{")
    (ws / "x.xml").write_text("<a><b/></a>")
    good = """
        - name: f
          type: file_ops
          operation: validate
          files:
            - src/a.py
            - {pattern: src/*.py, min_size: 1}
            - {path: src, must_be_dir: true, must_contain: [a.py, sub]}
            - {path: ok.json, validate_json: true}
            - {path: x.xml, format: xml}
            - {pattern: '*.none', must_exist: false}
    """

    assert "all_valid" == bench.results(good)["f"]["status"]
    said = failure(
        bench,
        "operation: validate, files: [{path: src, must_contain: [z]}, {path: bad.json, format:"
        " json}, {pattern: '*.none'}]",
    )
    assert "src: it does not contain 'z'" in said
    assert "bad.json: this is no json: Expecting property name" in said
    assert "*.none: it does not exist" in said


def test_reading_and_writing(bench: Bench, ws: Path) -> None:
    """Text as it is, data in the form that is asked for."""
    result = bench.results(
        """
        - {name: w, type: file_ops, operation: write, path: o/d.json, content: {b: é, a: [1]}}
        - {name: r, type: file_ops, operation: read, path: o/d.json, format: json}
        - {name: y, type: file_ops, operation: write, path: d.yaml, content: [é], format: yaml}
        - {name: l, type: file_ops, operation: append, path: log.txt, content: "é\\n"}
        - {name: m, type: file_ops, operation: append, path: log.txt, content: {n: 1}}
        - {name: t, type: file_ops, operation: read, path: log.txt, output_field: log}
        - {name: n, type: file_ops, operation: wait, duration_seconds: 0.01}
        """
    )

    assert {"b": "é", "a": [1]} == result["r"]["data"]
    assert '{"b": "é", "a": [1]}' == result["r"]["content"]
    assert "- é\n" == (ws / "d.yaml").read_text()
    assert 'é\n{"n": 1}\n' == result["t"]["log"]
    assert "completed" == result["n"]["status"]


def test_what_is_not_read(bench: Bench, ws: Path) -> None:
    """The failure says which file, and in which line it is wrong."""
    (ws / "x.csv").write_text('a,b\n1,"2')

    assert "x.csv: this is no csv: line 2" in failure(
        bench, "operation: read, path: x.csv, format: csv"
    )
    assert "nope: there is no such file" in failure(bench, "operation: read, path: nope")
    assert "'../x' is outside" in failure(bench, "operation: write, path: ../x, content: a")


@pytest.mark.parametrize(
    ("pattern", "glob"),
    [
        ("*.ex", True),
        ("**/*.md", True),
        ("test_*.py", True),
        ("{a,b}.txt", True),
        ("src/*", True),
        ("?.py", True),
        ("**", True),
        ("[.]ex$", False),
        (".*", False),
        ("a.*", False),
        (r"\.txt$", False),
        ("^a", False),
        ("a|b", False),
        ("[ab]*c", False),
        ("a{2,3}", False),
        ("(a+)+", False),
        ("plain", False),
    ],
)
def test_which_patterns_are_globs(pattern: str, glob: bool) -> None:
    """What begins with a star, has one behind a letter, or has choices; no regular expression."""
    assert is_glob(pattern) is glob
