"""A provider that answers at once and always the same: rehearsals without any model.

The texts are those of pipeline_ex's mocks, so that its documents and their tests can be rehearsed.
A file of prepared answers, as `ScriptedProvider` reads them, is asked first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from otp_genesis.contracts.provider import Health, Reply, Request
from otp_genesis.errors import ProviderError
from otp_genesis.model.json_schema import misfits
from otp_genesis.model.outcome import Usage
from otp_genesis.providers.scripted import Scripted, ScriptedProvider

SHOWN = 50
"""Characters of the prompt that an answer repeats."""
COST_USD = 0.001
CAPABILITIES = frozenset(
    ("text", "structured_output", "tools", "streaming", "sessions", "agent", "images")
)
_GEMINI = (
    (re.compile("plan"), {"plan": "Mock implementation plan", "complexity": "medium"}, 0.003),
    (
        re.compile("analyze", re.IGNORECASE),
        {"analysis": "Mock analysis result", "confidence": 0.9},
        0.004,
    ),
)
_ARGUMENTS = {"result": "mock_function_result", "status": "completed"}


class MockProvider:
    """Answers every prompt; asked only in the modes `mock` and `mixed`."""

    name = "mock"
    capabilities = CAPABILITIES
    priority = -1000
    """In the mode `mixed` everybody else is asked before it."""

    def __init__(self, answers: Sequence[Scripted | str] = ()):
        self._script = ScriptedProvider(answers)

    @classmethod
    def from_file(cls, path: Path) -> MockProvider:
        """Return the provider that asks a file of answers first; raise `UsageError`."""
        made = cls()
        made._script = ScriptedProvider.from_file(path)
        return made

    async def check(self) -> Health:
        """It is always there."""
        return Health(True)

    async def complete(self, request: Request) -> Reply:
        """Answer by the script where it has an answer, by the built-in texts where not."""
        if self._script.knows(request):
            return await self._script.complete(request)
        if request.output_schema is not None:
            data = example_of(request.output_schema)
            if problems := misfits(data, request.output_schema):
                message = f"no mock answer fits the schema ({problems[0]}); write one in a file"
                raise ProviderError(message, retryable=False)
            return _reply(json.dumps(data), request, COST_USD, data)
        text, cost = _text(request)
        return _reply(text, request, cost, _calls(request))


def _text(request: Request) -> tuple[str, float]:
    prompt = request.prompt
    if _is_gemini(request):
        if "This will fail" in prompt:
            raise ProviderError("Mock Gemini error", retryable=False)
        for pattern, data, cost in _GEMINI:
            if pattern.search(prompt):
                return json.dumps(data), cost
        return f"Mock Gemini response for: {prompt[:SHOWN]}...", 0.002
    if "simple test" in prompt:
        return "Mock response for simple test", COST_USD
    if "error test" in prompt:
        raise ProviderError("Mock error for testing", retryable=False)
    return f"Mock response for: {prompt[:SHOWN]}...", COST_USD


def _calls(request: Request) -> dict[str, Any] | None:
    """Return a call of each function that is offered to Gemini."""
    tools = request.options.get("tools")
    if not _is_gemini(request) or not isinstance(tools, list) or not tools:
        return None
    return {"function_calls": [_call(tool) for tool in tools if isinstance(tool, dict)]}


def _call(tool: dict[str, Any]) -> dict[str, Any]:
    """Return a call with the arguments of pipeline_ex's mock, and one for each parameter."""
    parameters = tool.get("parameters")
    fields = parameters.get("properties") if isinstance(parameters, dict) else None
    own = {name: example_of(field) for name, field in (fields or {}).items()}
    return {"name": tool.get("name") or "mock_function", "arguments": {**_ARGUMENTS, **own}}


def _is_gemini(request: Request) -> bool:
    return (request.model or request.provider or "").startswith("gemini")


def _reply(text: str, request: Request, cost: float, data: Any = None) -> Reply:
    usage = Usage(
        input_tokens=len(request.prompt) // 4, output_tokens=len(text) // 4, cost_usd=cost
    )
    return Reply(text=text, data=data, session=request.session, usage=usage)


def example_of(schema: dict[str, Any], depth: int = 0) -> Any:
    """Return some data for a JSON Schema: the same each time, and as little as will do."""
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            around = {name: value for name, value in schema.items() if name != key}
            return example_of({**around, **schema[key][0]}, depth + 1) if depth < 20 else None
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return _example_of_type(kind, schema, depth)


def _example_of_type(kind: Any, schema: dict[str, Any], depth: int) -> Any:
    match kind:
        case "object":
            fields = schema.get("properties", {})
            wanted = schema.get("required", fields)
            return {name: example_of(fields.get(name, {}), depth + 1) for name in wanted}
        case "array":
            item = schema.get("items", {})
            return [example_of(item, depth + 1) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return True
        case "null":
            return None
    return "mock".ljust(schema.get("minLength", 0), "k")[: schema.get("maxLength", 10_000)]
