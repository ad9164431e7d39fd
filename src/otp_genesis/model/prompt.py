"""A prompt as documents of pipeline_ex write it: a text, or parts that are joined to one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from otp_genesis.errors import did_you_mean
from otp_genesis.model.frozen import Frozen

TextFormat = Literal["text", "json", "structured", "summary", "markdown"]


class _Part(Frozen):
    model_config = ConfigDict(use_attribute_docstrings=True)

    condition: bool | None = None
    """Where it is false the part is left out; write it as `{{ expression }}`."""


class StaticPart(_Part):
    """A text that stands in the document."""

    type: Literal["static"] = "static"
    content: Any
    """The text; other data stands there as JSON, nothing as an empty text."""


class FilePart(_Part):
    """The text of a file of the workspace."""

    type: Literal["file"] = "file"
    path: str
    """Relative to the workspace."""
    variables: dict[str, Any] = {}
    """What `{{ templates }}` in the file see; without any, the text is taken as it is."""
    encoding: str = "utf-8"
    """Files are read as UTF-8, whichever way that is spelled."""

    @field_validator("encoding")
    @classmethod
    def _readable(cls, name: str) -> str:
        if name.lower().replace("_", "-") not in ("utf-8", "utf8"):
            raise ValueError(f"files are read as UTF-8, not as {name!r}; convert the file")
        return name


class PreviousResponse(_Part):
    """The result of a step before, or something of it."""

    type: Literal["previous_response"] = "previous_response"
    step: str = Field(validation_alias=AliasChoices("step", "name"))
    """The step's name; inside a loop `loop` is what the loop brings. `name` says the same."""
    extract: str | None = None
    """The path of what is wanted: `a.b`, `items[0].title`, `items[*].title`."""
    index: int | None = None
    """Which element of the list that is found; from the end where it is negative."""
    extract_with: Literal["content_extractor"] | None = None
    """With it, only the text of an answer is taken."""
    format: TextFormat | None = None
    """How the text is put, as in `claude_extract`."""
    post_processing: tuple[str, ...] = ()
    """What is gathered from the text and added to it, as in `claude_extract`."""
    summary: bool = False
    """Whether only the first sentences are taken, as many as fit into `max_length` (or 500)."""
    max_length: int | None = Field(default=None, ge=1)
    """How many characters there may be; the rest becomes `...`."""
    strict: bool = True
    """Whether it is a failure that there is nothing at the path; else it is the text `nil`."""


class SessionContext(_Part):
    """What was said so far in a conversation that `claude_session` steps had."""

    type: Literal["session_context"] = "session_context"
    session_id: str
    """The session's name, or the provider's id of it."""
    include_last_n: int | None = Field(default=None, ge=1)
    """So many messages, the last ones; all without it."""


class ClaudeContinue(_Part):
    """More to be said in a conversation: the step goes on with it."""

    type: Literal["claude_continue"] = "claude_continue"
    session_id: str | None = None
    """The session's name, or the provider's id of it; the step's own session without it."""
    new_prompt: str = ""


_MODELS: dict[str, type[_Part]] = {
    "static": StaticPart,
    "file": FilePart,
    "previous_response": PreviousResponse,
    "session_context": SessionContext,
    "claude_continue": ClaudeContinue,
}
REFUSED = {
    "inject_as": "put a part of type 'file' where its text is to stand",
    "component": "name the component's file as 'path'",
    "transform": "write a template with a filter instead",
    "summary_focus": "ask a step of its own for the summary",
    "filter": "say how many messages with 'include_last_n'",
}
"""Keys that were announced for parts and never worked, each with what to do instead."""


def _part(value: Any) -> Any:
    """Read one part by its `type`, so that complaints say the place in it and nothing else."""
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    if kind is None:
        raise ValueError(f"a part of a prompt needs a 'type': {', '.join(_MODELS)}")
    if not isinstance(kind, str) or kind not in _MODELS:
        message = f"no part of a prompt is called {kind!r}{did_you_mean(str(kind), _MODELS)}"
        raise _complaints({"type": message}, value)
    if refused := {key: f"is not available; {REFUSED[key]}" for key in value if key in REFUSED}:
        raise _complaints(refused, value)
    return _MODELS[kind].model_validate(value)


def _complaints(messages: dict[str, str], value: dict[str, Any]) -> ValidationError:
    details = [
        # Braces would be read as places to be filled.
        InitErrorDetails(
            type=PydanticCustomError("value_error", "{said}", {"said": message}),
            loc=(key,),
            input=value[key],
        )
        for key, message in messages.items()
    ]
    return ValidationError.from_exception_data("part", details)


Part = Annotated[
    StaticPart | FilePart | PreviousResponse | SessionContext | ClaudeContinue,
    Field(discriminator="type"),
    BeforeValidator(_part),
]
_PARTS: TypeAdapter[tuple[Part, ...]] = TypeAdapter(tuple[Part, ...])


def _prompt(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return _PARTS.validate_python(value)
    if isinstance(value, str):
        return value
    raise ValueError("a prompt is a text, or a list of parts")


Prompt = Annotated[str | tuple[Part, ...], BeforeValidator(_prompt)]
"""A text, or parts. An instance of it is a `str` or a tuple of parts."""


def steps_named(prompt: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the steps that a prompt, as written in a document, reads, each with its place in it."""
    for index, part in enumerate(prompt if isinstance(prompt, list | tuple) else ()):
        if not isinstance(part, dict) or part.get("type") != "previous_response":
            continue
        for key in ("step", "name"):
            if isinstance(part.get(key), str):
                yield (index, key), part[key]
                break
