"""Files copied, moved, removed, checked, listed and converted, all within the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Bench

from otp_genesis.model.event import Warned


@pytest.fixture
def ws(bench: Bench) -> Path:
    made = bench.folder / "ws"
    (made / "in").mkdir(parents=True)
    (made / "in" / "a.txt").write_text("héllo\nworld")
    return made


def one(bench: Bench, keys: str) -> Any:
    return bench.results(f"- {{name: f, type: file_ops, {keys}}}")["f"]


def test_a_run_as_observed(bench: Bench, ws: Path) -> None:
    """The results and the files are those that pipeline_ex was seen to leave."""
    result = bench.results(
        """
        - {name: cp, type: file_ops, operation: copy, source: in/a.txt, destination: out/b.txt}
        - {name: ls, type: file_ops, operation: list, path: out}
        - {name: mv, type: file_ops, operation: move, source: out/b.txt, destination: out/c.txt}
        - {name: up, type: file_ops, operation: stream_process, source: out/c.txt,
           processor: uppercase}
        - name: val
          type: file_ops
          operation: validate
          files: [{path: out/c.txt, must_exist: true, min_size: 2}]
        - {name: rm, type: file_ops, operation: delete, path: in}
        """
    )

    assert {
        "cp": {
            "operation": "copy", "source": f"{ws}/in/a.txt", "destination": f"{ws}/out/b.txt",
            "status": "completed",
        },
        "ls": {
            "operation": "list", "path": f"{ws}/out", "pattern": None,
            "files": [f"{ws}/out/b.txt"], "count": 1,
        },
        "mv": {
            "operation": "move", "source": f"{ws}/out/b.txt", "destination": f"{ws}/out/c.txt",
            "status": "completed",
        },
        "up": {
            "operation": "stream_process", "source": f"{ws}/out/c.txt",
            "processed_path": f"{ws}/out/c.txt", "processor": "uppercase", "method": "streaming",
            "status": "completed",
        },
        "val": {
            "operation": "validate", "status": "all_valid",
            "results": [{
                "path": f"{ws}/out/c.txt", "status": "valid",
                "criteria": {"min_size": 2, "must_exist": True},
            }],
        },
        "rm": {"operation": "delete", "path": f"{ws}/in", "status": "completed"},
    } == result  # fmt: skip
    assert ["out/c.txt"] == [str(p.relative_to(ws)) for p in ws.rglob("*") if p.is_file()]
    assert "HÉLLO\nWORLD" == (ws / "out" / "c.txt").read_text()


def test_a_file_of_any_bytes_is_copied(bench: Bench, ws: Path) -> None:
    """What is no text can be copied and moved; paths from results can be used again."""
    (ws / "x.bin").write_bytes(b"\xff\x00")
    bench.results(
        """
        - {name: l, type: file_ops, operation: list, path: ., pattern: '[.]bin$'}
        - {name: c, type: file_ops, operation: stream_copy, source: "{{ steps.l.files[0] }}",
           destination: d/y.bin}
        - {name: m, type: file_ops, operation: move, source: d, destination: e}
        """
    )

    assert b"\xff\x00" == (ws / "e" / "y.bin").read_bytes()


@pytest.mark.parametrize(
    ("processor", "text"),
    [
        ("identity", "a.b\n c "),
        ("trim", "a.b\nc\n"),
        ("lowercase", "a.b\n c "),
        ("replace, pattern: '.', replacement: '-'", "a-b\n c "),
    ],
)
def test_lines_are_processed(bench: Bench, ws: Path, processor: str, text: str) -> None:
    """Each line, in place; what is replaced is a text, not an expression."""
    (ws / "p.txt").write_text("a.b\n c ")
    one(bench, f"operation: stream_process, source: p.txt, processor: {processor}")

    assert text == (ws / "p.txt").read_text()


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("csv_to_json", 'a, b\n1,"x, y"\n', '[{"a": "1", "b": "x, y"}]'),
        ("json_to_csv", '[{"a": 1, "b": "x, y"}, {"a": null, "c": 2}]', 'a,b,c\n1,"x, y",\n,,2\n'),
        ("yaml_to_json", "a: [1, ä]\n", '{"a": [1, "ä"]}'),
        ("json_to_yaml", '{"b": 1, "a": ["ä"]}', "b: 1\na:\n- ä\n"),
    ],
)
def test_conversions(bench: Bench, ws: Path, kind: str, before: str, after: str) -> None:
    """One form into another, quotes and letters kept."""
    (ws / "from").write_text(before)
    one(bench, f"operation: convert, source: from, destination: to/it, format: {kind}")

    assert after == (ws / "to" / "it").read_text()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("operation: copy, source: nope, destination: x", "nope: there is no such file"),
        ("operation: delete, path: nope", "nope: there is no such file"),
        ("operation: delete, path: .", "'.' is outside the project: it is the whole project"),
        ("operation: delete, path: ../x", "'../x' is outside the project"),
        ("operation: delete, path: repo", "it holds a repository of its own"),
        ("operation: move, source: in/a.txt, destination: /tmp/x", "'/tmp/x' is outside"),
        ("operation: copy, source: link/passwd, destination: x", "a symbolic link leads out"),
        ("operation: list, path: nope", "nope: there is no such folder"),
        (
            "operation: convert, source: in/a.txt, destination: x, format: json_to_csv",
            "json_to_csv",
        ),
    ],
)
def test_what_fails(bench: Bench, ws: Path, keys: str, said: str) -> None:
    """What is not there or not in the workspace is left alone."""
    (ws / "link").symlink_to("/etc")
    (ws / "repo" / ".git").mkdir(parents=True)

    assert said in bench.failure(f"- {{name: f, type: file_ops, {keys}}}")
    assert (ws / "in" / "a.txt").exists()


def test_what_is_not_as_it_should_be(bench: Bench, ws: Path) -> None:
    """Everything that is wrong is told, and the failure's output lists all of it."""
    text = """
        - name: f
          type: file_ops
          operation: validate
          on_error: continue
          files:
            - {path: in/a.txt, must_be_dir: true, max_size: 3}
            - {path: nope}
            - {path: maybe, must_exist: false}
            - {path: in, must_be_file: true}
        """
    result = bench.results(text)["f"]

    assert (
        f"Validation failed for 3 file(s): {ws}/in/a.txt: it is a file, not a folder,"
        f" its 12 bytes are more than 3; {ws}/nope: it does not exist; {ws}/in: it is a folder,"
        " not a file"
    ) == result["error"]
    assert ["invalid", "invalid", "valid", "invalid"] == (
        [row["status"] for row in result["output"]["results"]]
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("operation: copy", "'copy' needs 'source' and 'destination'"),
        ("operation: compress", "there is no operation 'compress'; known: append, convert, copy"),
        ("operation: mkdir", "'mkdir'; folders are made as files are written into them"),
        ("operation: convert, source: a, destination: b, format: xml_to_jsn", "'xml_to_json'?"),
        ("operation: convert, source: a, destination: b, format: json", "needs both forms"),
        ("operation: read, path: a, format: csv_to_json", "needs one form: csv, json, xml, yaml"),
        ("operation: list, path: a, content: x", "the operation 'list' has no such key; it takes"),
        ("operation: delete, path: a, options: {limit: 1}", "'delete' has no option 'limit'"),
        ("operation: copy, files: [{path: a}]", "entry 1 has the key 'path'; for 'copy' it takes"),
        ("operation: copy, files: [{source: a}]", "entry 1 needs 'source' and 'destination'"),
        ("operation: copy, source: [{patern: a}], destination: b", "did you mean 'pattern'?"),
        ("operation: delete, files: [{older_than: soon}]", "'soon' is no age; write '7 days'"),
        ("operation: wait, duration_seconds: -1", "greater than or equal to 0"),
        ("operation: wait", "'wait' needs 'duration_seconds'"),
        ("operation: write, path: a", "'write' needs 'content'"),
        ("operation: list, path: ., pattern: '(?=a)'", "looking around"),
        ("operation: list, path: ., pattern: '('", "is no regular expression"),
        ("operation: validate, files: [{path: a, min_sise: 1}]", "did you mean 'min_size'?"),
    ],
)
def test_what_the_check_finds(bench: Bench, keys: str, said: str) -> None:
    """Missing keys, unknown operations and formats are found before anything runs."""
    (found,) = bench.complaints(f"- {{name: f, type: file_ops, {keys}}}")

    assert said in found


def test_a_checkpoint(bench: Bench, ws: Path) -> None:
    """It gives back what it notes, under its name; the files are kept where that is asked."""
    result = bench.results(
        """
        - {name: v, type: set_variable, variables: {n: 3}}
        - {name: c, type: checkpoint, state: {count: "{{ state.n }}"}}
        - {name: d, type: checkpoint, checkpoint_name: half, include_workspace: true,
           compress: true}
        """
    )

    assert ("c", {"count": 3}, True) == (
        result["c"]["checkpoint_name"], result["c"]["state"], result["c"]["success"],
    )  # fmt: skip
    assert ("half", 40) == (result["d"]["checkpoint_name"], len(result["d"]["workspace"]))
    assert ["no-effect"] == [event.code for event in bench.events if isinstance(event, Warned)]
