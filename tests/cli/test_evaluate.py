"""`genesis eval`: one JSON line in, one JSON line out."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Genesis
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis.cli.evaluate import answered

EVAL = [sys.executable, "-m", "otp_genesis", "eval"]
RESULTS = {"scan": {"count": 4, "ok": True}}


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """What waits for the answers."""
    with asyncio.Runner() as made:
        yield made


def ask(runner: asyncio.Runner, **line: Any) -> dict[str, Any]:
    return answered(json.dumps(line).encode(), runner.run)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ({"kind": "condition", "condition": "scan.count > 3 and scan.ok"}, True),
        ({"kind": "condition", "condition": {"not": ["scan.ok", "nope"]}}, True),
        ({"kind": "condition", "condition": None}, True),
        ({"kind": "condition", "condition": False}, False),
        ({"kind": "condition", "condition": "n == 3", "state": {"session": {"n": 3}}}, True),
        ({"kind": "condition", "condition": "steps.scan.ok", "strict": True}, True),
        ({"kind": "template", "data": {"a": ["{{scan.count}}", "{{no}}x", 1]}}, {"a": [4, "x", 1]}),
        ({"kind": "template", "data": "{{x}}", "state": {"global": {"x": 1}, "loop": {"x": 2}}}, 2),
        ({"kind": "template", "data": "{{inputs.a}}{{global_vars.b}}", "inputs": {"a": 1},
          "global_vars": {"b": 2}}, "12"),
        ({"kind": "template", "data": "{{no}}"}, ""),
        ({"kind": "template", "data": "{{no}}", "inputs": {"a": 1}}, None),
        ({"kind": "template", "data": "{{ steps.scan.count + 1 }}", "strict": True}, 5),
        ({"kind": "transform", "data": [3, 1], "operations": [
            {"operation": "filter", "condition": "value > 1"}]}, [3]),
        ({"kind": "transform", "data": [{"id": 4}], "operations": [
            {"operation": "join", "join_key": "id", "right_source": "nope"}]}, [{"id": 4}]),
        ({"kind": "prompt", "parts": [{"type": "static", "content": "{{scan.count}}"},
          {"type": "previous_response", "step": "scan", "extract": "ok"}]}, "4\ntrue"),
        ({"kind": "schema", "data": {"a": "x"},
         "schema": {"properties": {"a": {"type": "number"}}}},
         {"valid": False,
          "errors": [{"path": "$.a", "message": "'x' is not of type 'number'"}]}),
        ({"kind": "schema", "data": 1, "schema": {}}, {"valid": True, "errors": []}),
    ],
)  # fmt: skip
def test_what_is_answered(runner: asyncio.Runner, line: dict[str, Any], value: Any) -> None:
    """Every kind, in both languages."""
    assert {"ok": value} == ask(runner, results=RESULTS, **line)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (b"nonsense", "json", "no JSON"), (b"\xff", "json", "no JSON"), (b"[1]", "usage", "'kind'"),
        (b'{"kind": NaN}', "json", "NaN is none"), (b"[" * 100_000, "json", "no JSON"),
        (b"{}", "usage", "no kind None"), (b'{"kind": "condtion"}', "usage", "'condition'?"),
        (b'{"kind": ["condition"]}', "usage", "no kind"),
        (b'{"kind": "condition"}', "usage", "the key 'condition' is missing"),
        (b'{"kind": "condition", "condition": 5}', "expression", "true or false"),
        (b'{"kind": "condition", "condition": "a >"}', "expression", "ends too early"),
        (b'{"kind": "condition", "condition": "no.x", "strict": true}', "expression",
         "not defined"),
        (b'{"kind": "condition", "condition": ["a"], "strict": true}', "expression",
         "true or false"),
        (b'{"kind": "condition", "condition": "a", "strict": 1}', "usage", "true or false"),
        (b'{"kind": "condition", "condition": "a", "results": []}', "usage", "an object"),
        (b'{"kind": "condition", "condition": "a", "state": {"loop": 1}}', "usage", "'loop'"),
        (b'{"kind": "template"}', "usage", "'data' is missing"),
        (b'{"kind": "template", "data": "{{ pow(9, 999) }}"}', "expression", "too large"),
        (b'{"kind": "transform", "data": 1}', "usage", "'operations' is missing"),
        (b'{"kind": "transform", "data": 1, "operations": [{"operation": "x"}]}', "invalid",
         "filter"),
        (b'{"kind": "transform", "data": 1, "operations": [{"operation": "filter"}]}', "invalid",
         "needs a 'condition'"),
        (b'{"kind": "prompt", "parts": [{"type": "weird"}]}', "invalid", "'weird'"),
        (b'{"kind": "prompt", "parts": [{"type": "file", "path": "x"}]}', "environment-lacks",
         "reads no file"),
        (b'{"kind": "prompt", "parts": [{"type": "previous_response", "step": "x"}]}', "usage",
         "no step 'x'"),
        (b'{"kind": "schema", "data": 1, "schema": {"type": 1}}', "usage", "not a JSON Schema"),
        (b'{"kind": "schema", "data": 1, "schema": []}', "usage", "must be a JSON Schema"),
    ],
)  # fmt: skip
def test_what_fails(runner: asyncio.Runner, line: bytes, code: str, said: str) -> None:
    """A line that fails says how, in a word for programs and a sentence for people."""
    error = answered(line, runner.run)["error"]

    assert code == error["code"]
    assert said in error["message"]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["kind", "data", "condition", "operations", "parts", "schema", "results",
                         "state", "inputs", "strict"]),
        st.recursive(
            st.sampled_from(["condition", "template", "transform", "prompt", "schema", "{{a.b}}",
                             "a.b > 1", True, None, 1.5]),
            lambda inner: st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["global", "type", "step", "operation", "a", "and"]),
                              inner, max_size=2),
            max_leaves=4,
        ),
    )
)  # fmt: skip
def test_every_line_is_answered(line: dict[str, Any]) -> None:
    """Whatever stands in a line, the answer is a value or an error, and no flaw."""
    with asyncio.Runner() as runner:
        answer = ask(runner, **line)

    assert list(answer) in (["ok"], ["error"])
    assert "internal" != answer.get("error", {}).get("code")


def test_lines_are_answered_as_they_come(genesis: Genesis) -> None:
    """Each is answered before the next is written; blank ones are passed over."""
    process = subprocess.Popen(
        EVAL, cwd=genesis.folder, env=dict(genesis.environ), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    answers = []
    for line in ('{"kind": "template", "data": "é {{ 1 + 1 }}"}', "no", '\n{"kind": "schema"}'):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        answers.append(json.loads(process.stdout.readline()))
    process.stdin.close()

    assert 0 == process.wait(timeout=30)
    assert "" == process.stdout.read()
    process.stdout.close()
    assert ["ok", "error", "error"] == [next(iter(answer)) for answer in answers]
    assert {"ok": "é 2"} == answers[0]


def test_nothing_to_read(genesis: Genesis) -> None:
    """No lines, no answers; a last line needs no line end."""
    options: dict[str, Any] = {"cwd": genesis.folder, "env": dict(genesis.environ)}
    nothing = subprocess.run(EVAL, input=b"", capture_output=True, **options)
    one = subprocess.run(
        EVAL, input=b'{"kind": "condition", "condition": true}', capture_output=True, **options
    )

    assert (0, b"", b"") == (nothing.returncode, nothing.stdout, nothing.stderr)
    assert (0, b'{"ok": true}\n') == (one.returncode, one.stdout)
