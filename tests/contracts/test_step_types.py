"""What can be a step type, and what is said where something cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from otp_genesis.contracts.catalog import StepRegistry
from otp_genesis.contracts.params_schema import params_schema
from otp_genesis.contracts.step import Context, Params
from otp_genesis.contracts.step_type import StepMetadata, StepType, step
from otp_genesis.errors import InvalidDocument, InvalidEntry
from otp_genesis.model.outcome import Ok, Outcome
from otp_genesis.runtime import Runtime
from otp_genesis.steps import FAMILIES, built_in


class Text(Params):
    """A text."""

    text: str


class Plain(BaseModel):
    """No params model."""

    text: str


class Odd(Params):
    """Holds what JSON has no word for."""

    what: type[int] | object = object
    model_config = {"arbitrary_types_allowed": True}


async def run(params: Text, ctx: Context) -> Outcome:
    """Give back the text."""
    return Ok(output=params.text)


async def alone(params: Text) -> Outcome:
    """Take one argument."""
    return Ok()


def waits(params: Text, ctx: Context) -> Outcome:
    """Not be async."""
    return Ok()


async def plain(params: Plain, ctx: Context) -> Outcome:
    """Take a model of another kind."""
    return Ok()


async def anything(params: Any, ctx: Context) -> Outcome:
    """Take what the metadata names."""
    return Ok(output=[params.prompt, params.extra])


class Callable_:
    """An object that can be called, and awaited."""

    async def __call__(self, params: Text, ctx: Context) -> Outcome:
        """Give back the text, too."""
        return Ok(output=params.text)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("1st", {"run": run}, "step type '1st': a name is letters, digits"),
        ("a b", {"run": run}, "step type 'a b': a name is"),
        ("", {"run": run}, "step type '': a name is"),
        ("x" * 101, {"run": run}, "a name is letters"),
        ("odd", {"run": alone}, "its run takes two arguments, params and context"),
        ("odd", {"run": waits}, "its run must be an async function"),
        ("odd", {"run": 7}, "its run must be an async function"),
        ("odd", {"run": plain}, "its params Plain must be derived from otp_genesis.Params"),
        ("odd", {"run": run, "params": Odd}, "its params have no JSON Schema"),
        ("odd", {"run": run, "validator": "no"}, "its validator must be a function"),
        (
            "odd",
            {"run": run, "metadata": StepMetadata(required_fields=("texts",))},
            "its metadata names the field 'texts', which Text has not",
        ),
        (
            "odd",
            {"run": anything, "metadata": StepMetadata(required_fields=("type",))},
            "a parameter cannot be named 'type'",
        ),
        (
            "odd",
            {"run": anything, "metadata": StepMetadata(required_fields=("a b", "_x"))},
            "its metadata names the field '_x'",
        ),
    ],
)
def test_what_is_no_step_type(name: str, options: dict[str, Any], said: str) -> None:
    """Each mistake is told by the type's name and the place of its code; nothing is registered."""
    registry = StepRegistry()

    with pytest.raises(InvalidEntry) as caught:
        registry.register(name, **options)
    assert said in str(caught.value)
    if callable(options["run"]) and options["run"] is not anything:
        assert f"({Path(__file__)}:" in str(caught.value)
    assert registry.names() == ()


def test_fields_named_by_the_metadata() -> None:
    """Without a model the metadata's fields are the parameters, required and optional ones."""
    registry = StepRegistry()
    metadata = StepMetadata(
        description="Ask.", required_fields=["prompt"], optional_fields=["extra"]
    )
    kind = registry.register("ask", anything, metadata=metadata)

    assert (kind.required_fields, kind.optional_fields) == (("prompt",), ("extra",))
    assert params_schema(kind.params)["required"] == ["prompt"]


def test_an_object_that_can_be_called() -> None:
    """Its class's `__call__` says what it takes; it says itself what it is for."""
    kind = StepRegistry().register("called", Callable_())

    assert kind.params is Text
    assert kind.metadata.description == "An object that can be called, and awaited."


def test_where_a_type_comes_from() -> None:
    """Its origin and the place of its code are known."""
    kind = step("said")(run)

    assert kind.metadata.origin == "code"
    assert kind.metadata.file is not None
    assert kind.metadata.file.startswith(f"{Path(__file__)}:")


def test_queries() -> None:
    """By capability, origin and effects."""
    registry = StepRegistry()
    registry.register(step("a", effects="reads", capabilities={"files"})(run))
    registry.register(step("b", capabilities={"data"})(run))
    registry.register("c", run, metadata=StepMetadata(origin="acme"))

    assert registry.find(capability="files") == ["a"]
    assert registry.find(effects="none") == ["b", "c"]
    assert registry.find(origin="acme") == ["c"]
    assert registry.find() == ["a", "b", "c"]


def test_the_table_of_built_in_types_is_true() -> None:
    """What is promised to be in a module is what the module holds."""
    import importlib

    for family, names in FAMILIES.items():
        module = importlib.import_module(f"otp_genesis.steps.{family}")
        assert names == tuple(kind.name for kind in module.STEPS), family
    for entry in built_in():
        kind = entry.get()
        assert (kind.name, kind.metadata.origin) == (entry.name, "built-in")


DOCUMENT = """
workflow:
  name: shout
  description: Says it loud.
  version: 3
  inputs: {text: {type: string}, times: {type: integer, default: 2}}
  steps: [{name: a, type: set_variable, variables: {said: "{{ inputs.text | upper }}"}}]
  outputs: {said: "{{ inputs.text | upper }}", times: "{{ inputs.times }}"}
  output_schema: {type: object, properties: {times: {type: integer, maximum: 3}}}
"""


def test_a_document_as_a_step_type(tmp_path: Path) -> None:
    """Its inputs are typed parameters, its output schema is kept, and it may have another name."""
    path = tmp_path / "shout.yaml"
    path.write_text(DOCUMENT)
    runtime = Runtime.in_memory(discover=False)
    kind = runtime.steps.register(path)
    other = runtime.steps.register("yell", path)

    assert (kind.name, other.name) == ("shout", "yell")
    assert (kind.required_fields, kind.optional_fields) == (("text",), ("times",))
    assert (kind.metadata.version, kind.metadata.file) == ("3", str(path))
    assert kind.metadata.output_schema is not None
    bad = tmp_path / "bad.yaml"
    bad.write_text("workflow: {stepps: []}")
    with pytest.raises(InvalidDocument, match=r"bad\.yaml:1:12"):
        runtime.steps.register(bad)


FIELDS = st.tuples(
    st.sampled_from(
        [str, int, float, bool, Any, str | None, list[str], dict[str, int], int | str,
         Literal["a", "b"], list[dict[str, float]], tuple[int, ...], Plain, list[Plain]]
    ),
    st.booleans(),
    st.sampled_from(["", "Some help.", "Two\nlines"]),
    st.sampled_from([{}, {"ge": 0}, {"max_length": 3}]),
)  # fmt: skip


@given(st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), FIELDS, max_size=6))
def test_the_quick_schema_is_pydantics(fields: dict[str, Any]) -> None:
    """Whatever a model holds, its schema is the one that pydantic writes."""
    made: dict[str, Any] = {}
    for name, (kind, required, help_text, limits) in fields.items():
        bounded = limits if (kind is int and "ge" in limits) or kind is str else {}
        bounded = {} if kind is str and "ge" in bounded else bounded
        bounded = {} if kind is int and "max_length" in bounded else bounded
        default: Any = ... if required else None
        made[name] = (kind, Field(default, description=help_text or None, **bounded))
    model = create_model("Made", __base__=Params, **made)

    assert params_schema(model) == model.model_json_schema()


def test_every_registered_type_has_the_schema_that_pydantic_writes() -> None:
    """The quick way and the long one agree on all that ship."""
    for kind in Runtime.in_memory().steps:
        assert isinstance(kind, StepType)
        assert params_schema(kind.params) == kind.params.model_json_schema(), kind.name
