"""A conversation with a model, in no vendor's words: what is said, and one turn of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from otp_genesis.contracts.provider import Health
from otp_genesis.providers.chat_options import NO_WISHES, Sampling


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the model is told of."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function that the model wants called."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it: it may be none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user says."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What the model says, and the functions that it calls."""

    text: str
    calls: tuple[Call, ...] = ()
    original: Any = None
    """The vendor's own form of it, where that holds more: signatures, thoughts."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a function returned, or why it failed."""

    call: Call
    text: str
    failed: bool = False


Message = Asked | Answered | Result


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one request used. Those read from a cache and written to it are among the input's."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the vendor."""

    text: str
    calls: tuple[Call, ...] = ()
    tokens: Tokens = Tokens()
    stop: str = "stop"
    """Why it ended: `length` where it was cut short."""
    model: str | None = None
    """The model that answered, by the vendor's word."""
    thinking: str = ""
    original: Any = None
    """The vendor's own form, for `Answered.original`."""


@dataclass(frozen=True, slots=True)
class Chat:
    """All that one request to the vendor says."""

    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    functions: tuple[Function, ...] = ()
    schema: Mapping[str, Any] | None = None
    """What the answer must satisfy."""
    native: bool = False
    """Whether the vendor's own means see to that; else the last message tells of it."""
    sampling: Sampling = field(default=NO_WISHES)
    hear: Callable[[str], Awaitable[None]] | None = None
    """Takes the text piece by piece, where it is to be told as it comes."""


class ChatModel(Protocol):
    """A vendor's models, one request at a time."""

    async def takes(self, schema: Mapping[str, Any], model: str, *, with_functions: bool) -> bool:
        """Whether the vendor's own structured output can take the schema whole."""
        ...

    async def turn(self, chat: Chat) -> Turn:
        """Ask once. Raises `ProviderError`; time is the caller's affair."""
        ...

    async def check(self) -> Health:
        """Say whether it can be asked, without asking."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
