"""The functions that a workflow defines for Gemini: what the provider is told, what it calls."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Bench

from otp_genesis.contracts.provider import FunctionProvider, Reply, Request
from otp_genesis.model.event import Warned

SCHEMA = {"type": "object", "properties": {"points": {"type": "integer"}}}
FLOW = """
workflow:
  name: t
  gemini_functions:
    score:
      description: How good it is.
      parameters: {{type: object, properties: {{points: {{type: integer}}}}}}
  steps:
    - {{name: a, type: {kind}, functions: {functions}, prompt: "{prompt}"}}
"""


def flow(functions: str, kind: str = "gemini", prompt: str = "hi") -> str:
    return FLOW.format(functions=functions, kind=kind, prompt=prompt)


@pytest.mark.parametrize("kind", ["gemini", "gemini_instructor"])
def test_a_function_is_sent_whole(bench: Bench, kind: str) -> None:
    """The provider gets its name, its description and its parameters as JSON Schema."""
    seen: list[Request] = []

    async def answer(request: Request) -> Reply:
        seen.append(request)
        return Reply(text="ok", data={"text": "a", "analysis": "b", "summary": "c"})

    capabilities = frozenset(("text", "tools", "structured_output"))
    bench.runtime.providers.unregister("scripted")
    bench.runtime.providers.register(FunctionProvider("fun", capabilities, answer))
    bench.results(flow("[score]", kind))

    expected = {"name": "score", "description": "How good it is.", "parameters": SCHEMA}
    assert [expected] == seen[0].options["tools"]


def test_a_function_that_is_not_defined(bench: Bench) -> None:
    """A name that a template gives is looked for when the step runs; what it may be is told."""
    text = flow("['{{ inputs.prompt }}']")

    assert (
        "t/a: the workflow's 'gemini_functions' define no function 'scor'; did you mean 'score'?"
        == bench.failure(text, {"prompt": "scor"}, mode="mock")
    )


@pytest.mark.parametrize(
    ("prompt", "text", "cost"),
    [
        ("hi", "Mock Gemini response for: hi...", 0.002),
        ("Analyze it", '{"analysis": "Mock analysis result", "confidence": 0.9}', 0.004),
    ],
)
def test_the_mock_calls_each_function(bench: Bench, prompt: str, text: str, cost: float) -> None:
    """It answers as always, and calls what it is offered with an argument for each parameter; the
    first call's arguments are in the result.
    """
    result: dict[str, Any] = bench.results(flow("[score]", prompt=prompt), mode="mock")["a"]
    arguments = {"result": "mock_function_result", "status": "completed", "points": 0}

    assert [{"name": "score", "arguments": arguments}] == result["function_calls"]
    assert {"text": text, "content": text, "cost": cost, **arguments}.items() <= result.items()
    assert "function_calls" not in bench.results(flow("[]"), mode="mock")["a"]


def test_a_file_is_filled_in_the_document_s_language(bench: Bench) -> None:
    """What is not there is told and leaves nothing; in a strict document it is an error."""
    (bench.folder / "ws").mkdir()
    (bench.folder / "ws" / "p.md").write_text("{{ n + 1 }}{{ gone }}|{{ state.deep }}")
    text = """
workflow:
  name: t
  strict: {strict}
  steps:
    - name: a
      type: gemini
      prompt: [{{type: file, path: p.md, variables: {{n: 1, state: {{deep: x}}}}}}]
"""
    result = bench.results(text.format(strict="false"), mode="mock")["a"]

    assert "Mock Gemini response for: 2|x..." == result["text"]
    assert ["there is nothing at 'gone' in p.md"] == [
        event.message for event in bench.events if isinstance(event, Warned)
    ]
    assert "'gone' is not defined" in bench.failure(text.format(strict="true"), mode="mock")
