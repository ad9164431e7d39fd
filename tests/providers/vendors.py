"""The vendors on ports of our own, in one manner: what the tests of all chat providers share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from otp_genesis.contracts.call_site import CallSite
from otp_genesis.contracts.provider import Provider, Reply, Request
from otp_genesis.contracts.tool import Tool, ToolFailed
from otp_genesis.errors import CodebaseError, ProviderError
from otp_genesis.loopback import anthropic, gemini, openai
from otp_genesis.loopback.server import Asked, Fault, LoopbackServer
from otp_genesis.model.event import Event, ModelSaid
from otp_genesis.providers.chat_provider import ChatProvider
from otp_genesis.providers.kind import Surroundings, kind_named
from otp_genesis.providers.secrets import Secrets

T = TypeVar("T")
KEY = "sk-a-key-that-nobody-may-see"
LONGEST_S = 30.0
"""A test that hangs is a failed one."""
ENVIRON = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "GEMINI_API_KEY": KEY}


class Server(Protocol):
    """A loopback server of any vendor."""

    url: str
    requests: list[Asked]

    @property
    def asked(self) -> list[Asked]:
        """The requests for an answer."""
        ...


@dataclass(frozen=True)
class Vendor:
    """How one vendor's server is told what to do."""

    kind: str
    model: str
    path: str
    server: Callable[[Any], LoopbackServer]
    calling: Callable[..., Any]
    """Turns calls, as pairs of a name and arguments, into an answer."""
    turn: Callable[[str, int, int], Any]
    """An answer with the tokens that it used."""
    cut_short: Callable[[str], Any]
    """An answer that was as long as it may be."""
    cut: Callable[[str], Fault]
    error: Callable[..., Fault]
    results: Callable[[Asked], list[str]]
    """The texts of the tool results in a request."""
    native: Callable[[Any], Any]
    """The schema that a request leaves to the vendor."""
    system: Callable[[Any], str]
    prompt: Callable[[Any], str]
    too_long: Fault
    bad_key: Fault
    filtered: Any

    def made(self, url: str, environ: Mapping[str, str] = ENVIRON, **settings: Any) -> ChatProvider:
        """Return the provider for a server's address."""
        provider = made(self.kind, environ, base_url=url + self.path, **settings)
        assert isinstance(provider, ChatProvider)
        return provider

    def __str__(self) -> str:
        return self.kind


def made(kind: str, environ: Mapping[str, str] = ENVIRON, **settings: Any) -> Provider:
    """Return a provider of a kind."""
    known = kind_named(kind)
    assert known is not None
    table = known.settings.model_validate({"model": MODELS.get(kind), **settings})
    return known.make(kind, table, Surroundings(Secrets(environ), Path("unused"), environ))


def _anthropic_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Fault:
    return anthropic.error(status, "some_error", message, headers)


def _gemini_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Fault:
    return gemini.error(status, "SOME_ERROR", message, headers)


def _openai_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Fault:
    return openai.error(status, message, headers=headers)


def _anthropic_calls(*calls: tuple[str, dict[str, Any]]) -> Any:
    return [anthropic.tool_use(name, **arguments) for name, arguments in calls]


def _of_anthropic(block: Mapping[str, Any]) -> str:
    content = block["content"]
    return content if isinstance(content, str) else "".join(one["text"] for one in content)


def _system_of_anthropic(body: Any) -> str:
    system = body["system"]
    return system if isinstance(system, str) else "".join(one["text"] for one in system)


def _prompt_of_anthropic(body: Any) -> str:
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else "".join(one["text"] for one in content)


def _result_of_gemini(one: Mapping[str, Any]) -> str:
    response = one["response"]
    return str(next(iter(response.values())))


OPENAI = Vendor(
    kind="openai",
    model="model-1",
    path="/v1",
    server=openai.OpenAIServer,
    calling=openai.calling,
    turn=lambda text, into, out: openai.Turn(text, None, into, out),
    cut_short=lambda text: openai.Turn(text, "length"),
    cut=openai.cut_stream,
    error=_openai_error,
    results=openai.tool_results,
    native=lambda body: body.get("response_format", {}).get("json_schema", {}).get("schema"),
    system=lambda body: str(body["messages"][0]["content"]),
    prompt=lambda body: str(
        next(one["content"] for one in body["messages"] if one["role"] == "user")
    ),
    too_long=openai.error(400, "too many tokens", code="context_length_exceeded"),
    bad_key=openai.error(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"),
    filtered=openai.Turn("I should n", "content_filter"),
)
ANTHROPIC = Vendor(
    kind="anthropic",
    model="claude-haiku-4-5",
    path="",
    server=anthropic.AnthropicServer,
    calling=_anthropic_calls,
    turn=lambda text, into, out: anthropic.Turn(text, None, into, out),
    cut_short=lambda text: anthropic.Turn(text, "max_tokens"),
    cut=anthropic.cut_stream,
    error=_anthropic_error,
    results=lambda asked: [_of_anthropic(one) for one in anthropic.tool_results(asked)],
    native=lambda body: body.get("output_config", {}).get("format", {}).get("schema"),
    system=_system_of_anthropic,
    prompt=_prompt_of_anthropic,
    too_long=anthropic.error(
        400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"
    ),
    bad_key=anthropic.error(401, "authentication_error", f"invalid x-api-key {KEY}"),
    filtered=anthropic.Turn("I should n", "refusal"),
)
GEMINI = Vendor(
    kind="gemini",
    model="gemini-2.5-flash",
    path="",
    server=gemini.GeminiServer,
    calling=gemini.calling,
    turn=lambda text, into, out: gemini.Turn(text, "STOP", None, into, out),
    cut_short=lambda text: gemini.Turn(text, "MAX_TOKENS"),
    cut=gemini.cut_stream,
    error=_gemini_error,
    results=lambda asked: [_result_of_gemini(one) for one in gemini.function_results(asked)],
    native=lambda body: body.get("generationConfig", {}).get("responseJsonSchema"),
    system=lambda body: "".join(one["text"] for one in body["systemInstruction"]["parts"]),
    prompt=lambda body: "".join(one["text"] for one in body["contents"][0]["parts"]),
    too_long=gemini.error(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
    ),
    bad_key=gemini.error(400, "INVALID_ARGUMENT", f"API key not valid: {KEY}"),
    filtered=gemini.Turn("I should n", "SAFETY"),
)
VENDORS = (OPENAI, ANTHROPIC, GEMINI)
MODELS = {vendor.kind: vendor.model for vendor in VENDORS}


@dataclass
class Desk:
    """A step's place, with a folder of files as its codebase."""

    folder: Path
    may_write: bool = True
    told: list[ModelSaid] = field(default_factory=list)
    announced: int = 0
    order: list[str] = field(default_factory=list)
    """What tools were called, as they ended."""
    spoken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once something was told."""

    async def tell(self, event: Event) -> None:
        """Keep an event."""
        assert isinstance(event, ModelSaid)
        self.told.append(event)
        self.spoken.set()

    async def about_to_write(self) -> None:
        """Let it write, or not."""
        self.announced += 1
        if not self.may_write:
            raise CodebaseError("this step may not write")

    async def read(self, arguments: Mapping[str, Any]) -> str:
        """Return a file's text."""
        try:
            text = (self.folder / arguments["path"]).read_text()
        except OSError:
            raise ToolFailed(f"there is no file {arguments['path']}") from None
        self.order.append("read_file")
        return str(text)

    async def write(self, arguments: Mapping[str, Any]) -> str:
        """Write a file."""
        await asyncio.sleep(0)
        (self.folder / arguments["path"]).write_text(arguments["text"])
        self.order.append("write_file")
        return "written"

    def site(self) -> CallSite:
        """Return the place."""
        path = {"type": "string"}
        reading = {"type": "object", "properties": {"path": path}, "required": ["path"]}
        writing = {
            "type": "object",
            "properties": {"path": path, "text": path},
            "required": ["path", "text"],
        }
        tools = (
            Tool("read_file", "Read a file.", reading, self.read),
            Tool("write_file", "Write a file.", writing, self.write, writes=True),
        )
        return CallSite(
            path="main/ask",
            tell=self.tell,
            about_to_write=self.about_to_write,
            toolbox={tool.name: tool for tool in tools},
        )

    def said(self, what: str) -> list[str]:
        """Return the texts of one sort of event."""
        return [event.text for event in self.told if event.what == what]


def descriptors() -> int:
    """Return how many file descriptors are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that the block leaves no file descriptor behind."""
    before = descriptors()
    yield
    assert descriptors() == before


def ended(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end; check that no task is left behind."""

    async def go() -> T:
        async with asyncio.timeout(LONGEST_S):
            result = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        # The server's own end with the connections; they are let go first.
        for _ in range(20):
            await asyncio.sleep(0)
            left = {task for task in left if not task.done()}
        assert not left, left
        return result

    return asyncio.run(go())


def asked(vendor: Vendor, script: Any, request: Request, **settings: Any) -> tuple[Reply, Any]:
    """Return the reply, and what the last request to the server said."""

    async def go() -> tuple[Reply, Any]:
        async with vendor.server(script) as server:
            provider = vendor.made(server.url, **settings)
            try:
                reply = await provider.complete(request)
            finally:
                await provider.close()
            return reply, server.requests[-1].body

    return ended(go())


def refused(vendor: Vendor, answer: Any, request: Request, **settings: Any) -> ProviderError:
    """Return the error that an answer becomes."""
    with pytest.raises(ProviderError) as caught:
        asked(vendor, [answer], request, **settings)
    return caught.value


def texts(events: Sequence[ModelSaid]) -> list[tuple[str, str]]:
    """Return what was told, as pairs of the sort and the text."""
    return [(event.what, event.text) for event in events]
