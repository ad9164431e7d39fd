"""`genesis eval`: conditions, templates, transforms, prompts and schemas, one JSON line each."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from otp_genesis.errors import (
    EnvironmentLacks,
    GenesisError,
    InternalError,
    UsageError,
    did_you_mean,
)

if TYPE_CHECKING:
    from otp_genesis.expr.scope import Scope

MAX_LINE = 64 * 1024 * 1024
"""Bytes of one line."""
Line = Mapping[str, Any]
Await = Callable[[Coroutine[Any, Any, Any]], Any]
_SCOPES = ("global", "session", "loop")
_OBJECT = "an object"


def evaluate() -> None:
    """Answer each JSON line of stdin by one on stdout: {"ok": …}, or {"error": {code, message}}.

    A line says what it is by its `kind`: condition, template, transform, prompt or schema. It is
    read as in a document that is not strict; with "strict": true as in a strict one.
    """
    if sys.stdin is None:
        raise EnvironmentLacks("there is no stdin to read")
    with asyncio.Runner() as runner:
        for line in _lines(sys.stdin.buffer):
            print(_written(answered(line, runner.run)), flush=True)


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield each line as soon as it is there; blank ones are passed over, too long ones nothing."""
    while line := stream.readline(MAX_LINE):
        if len(line) < MAX_LINE or line.endswith(b"\n"):
            if line.strip():
                yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE)
        yield None


def _written(answer: dict[str, Any]) -> str:
    try:
        return json.dumps(answer, allow_nan=False)
    except ValueError as error:
        return json.dumps(_error("json", str(error)))


def answered(line: bytes | None, run: Await) -> dict[str, Any]:
    """Return the answer to a line; `run` waits for what is not there at once."""
    if line is None:
        return _error("json", f"a line may have {MAX_LINE} bytes at most")
    try:
        given = json.loads(line.decode("utf-8"), parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        return _error("json", f"no JSON: {error}")
    try:
        if not isinstance(given, dict):
            raise UsageError("a line is a JSON object with the key 'kind'")
        return {"ok": _value(given, run)}
    except GenesisError as error:
        return _error(_code(error), str(error))
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> dict[str, Any]:
    """Return what is said of data that does not fit, or else of a flaw of this program."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        from otp_genesis.engine.output import described

        return _error("invalid", described(error))
    return _error("internal", str(InternalError(f"{type(error).__name__}: {error}")))


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is none")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _code(error: GenesisError) -> str:
    """Return the kind of an error in small words: `ExpressionError` is `expression`."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _value(line: Line, run: Await) -> Any:
    kind = line.get("kind")
    work = _KINDS.get(kind) if isinstance(kind, str) else None
    if work is None:
        known = did_you_mean(str(kind), _KINDS)
        raise UsageError(f"no kind {kind!r}{known}")
    return work(line, run)


def _take(line: Line, key: str, kind: type, what: str, default: Any = None) -> Any:
    """Return a value of a line; raise `UsageError` where it is not there or another type."""
    if key not in line and default is None:
        raise UsageError(f"the key {key!r} is missing")
    value = line.get(key, default)
    if not isinstance(value, kind):
        raise UsageError(f"{key!r} must be {what}")
    return value


def _condition(line: Line, run: Await) -> bool:
    from otp_genesis.expr.language import language

    if "condition" not in line:
        raise UsageError("the key 'condition' is missing")
    written = line["condition"]
    if isinstance(written, bool):
        return written
    return language(strict=_strict(line)).condition(written).holds(_scope(line).names())


def _template(line: Line, run: Await) -> Any:
    from otp_genesis.expr.language import language

    if "data" not in line:
        raise UsageError("the key 'data' is missing")
    return language(strict=_strict(line)).fill(line["data"], _scope(line).names())


def _transform(line: Line, run: Await) -> Any:
    from otp_genesis.steps.transform import operated
    from otp_genesis.steps.transform_operation import Operation

    if "data" not in line:
        raise UsageError("the key 'data' is missing")
    operations = _take(line, "operations", list, "a list")
    parsed = [Operation.model_validate(one) for one in operations]
    return run(operated(line["data"], parsed, _Desk(_scope(line))))


def _prompt(line: Line, run: Await) -> str:
    from pydantic import TypeAdapter

    from otp_genesis.expr.language import language
    from otp_genesis.model.prompt import Prompt
    from otp_genesis.steps.prompting import rendered

    scope = _scope(line)
    parts = _take(line, "parts", list, "a list")
    filled = language(strict=_strict(line)).fill(parts, scope.names())
    prompt: Any = TypeAdapter(Prompt).validate_python(filled)
    text: str = run(rendered(prompt, _Desk(scope))).text
    return text


def _schema(line: Line, run: Await) -> dict[str, Any]:
    from otp_genesis.model.json_schema import misfits_at, schema_problem

    if "data" not in line:
        raise UsageError("the key 'data' is missing")
    schema = _take(line, "schema", dict, "a JSON Schema")
    if problem := schema_problem(schema):
        raise UsageError(problem[0])
    errors = [{"path": path, "message": said} for path, said in misfits_at(line["data"], schema)]
    return {"valid": not errors, "errors": errors}


_KINDS: Mapping[str, Callable[[Line, Await], Any]] = {
    "condition": _condition,
    "template": _template,
    "transform": _transform,
    "prompt": _prompt,
    "schema": _schema,
}


def _strict(line: Line) -> bool:
    strict: bool = _take(line, "strict", bool, "true or false", False)
    return strict


def _scope(line: Line) -> Scope:
    """Return what the expressions of a line see."""
    from otp_genesis.expr.scope import Scope

    scopes = _take(line, "state", dict, _OBJECT, {})
    state: dict[str, Any] = {}
    for name in _SCOPES:
        state |= _take(scopes, name, dict, _OBJECT, {})
    global_vars = _take(line, "global_vars", dict, _OBJECT, {})
    return Scope(
        inputs=_take(line, "inputs", dict, _OBJECT, {}),
        steps=_take(line, "results", dict, _OBJECT, {}),
        state=state,
        facts={"global_vars": global_vars} if global_vars else {},
    )


class _Desk:
    """`Context` of a line: it has names, and nothing else."""

    path = "eval"
    answer = None
    facts: Mapping[str, Any] = {}

    def __init__(self, scope: Scope):
        self.scope = scope

    @property
    def models(self) -> Any:
        raise EnvironmentLacks("a line of eval asks no model")

    @property
    def codebase(self) -> Any:
        raise EnvironmentLacks("a line of eval reads no file; write the text as a static part")

    async def emit(self, event: Any) -> None:
        """Tell nobody."""

    async def run_block(self, *given: Any, **options: Any) -> Any:
        """Run nothing."""
        raise EnvironmentLacks("a line of eval runs no steps")
