"""A model on this machine, in this process: a GGUF file, run by llama.cpp.

It is spoken to as any server of Chat Completions is: the package brings one along, which listens
on this machine only, behind a key that is made anew each time. A request that is given up ends
there, too.
"""

from __future__ import annotations

import asyncio
import os
import secrets as random_keys
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import Field

from otp_genesis.contracts.provider import Health, ModelFacts, Provider
from otp_genesis.deferred import deferred
from otp_genesis.errors import ProviderError
from otp_genesis.providers.chat import Chat, Turn
from otp_genesis.providers.chat_provider import ChatProvider
from otp_genesis.providers.kind import ProviderKind, Surroundings, VendorSettings
from otp_genesis.providers.native_schema import LLAMA_CPP, fits
from otp_genesis.providers.openai import OpenAIChat, OpenAISettings
from otp_genesis.providers.prices import Prices

# It tells nothing of its types.
xllamacpp: Any = deferred("xllamacpp")

PACKAGE = "xllamacpp"
QUIET = -1


class LocalSettings(VendorSettings):
    """`[providers.NAME]` of a model on this machine; `file`, or else `model`, is its path."""

    file: str | None = None
    """The GGUF file."""
    context_tokens: int | None = Field(default=None, ge=1)
    """How much it reads at once; by default what it was made for, which may take much memory."""
    threads: int | None = Field(default=None, ge=1)
    """Processor threads; by default one for each processor."""


class LocalChat:
    """A `ChatModel` that runs here. The file is loaded when it is first asked."""

    def __init__(
        self, name: str, path: str | None, settings: LocalSettings, surroundings: Surroundings
    ):
        self._name, self._path, self._settings = name, path, settings
        self._surroundings = surroundings
        self._loading = threading.Lock()
        self._server: Any = None
        self._chat: OpenAIChat | None = None

    async def check(self) -> Health:
        """Say whether there are the package and the file."""
        if find_spec(PACKAGE) is None:
            return Health(False, f"{PACKAGE} is not installed", 'pip install "otp-genesis[local]"')
        remedy = f"name a GGUF file in genesis.toml: [providers.{self._name}] file = …"
        if self._path is None:
            return Health(False, "no model is named", remedy)
        if not Path(self._path).is_file():
            return Health(False, f"there is no file {self._path}", remedy)
        return Health(True)

    async def takes(self, schema: Mapping[str, Any], model: str, *, with_functions: bool) -> bool:
        """Whether the schema is made a grammar of; beside functions that is not done."""
        return not with_functions and fits(schema, LLAMA_CPP)

    async def turn(self, chat: Chat) -> Turn:
        """Ask once."""
        inner = self._chat
        if inner is None:
            health = await self.check()
            if not health.available:
                raise ProviderError(f"{health.reason}: {health.remedy}", retryable=False)
            inner = await asyncio.to_thread(self._started)
        return await inner.turn(chat)

    async def close(self) -> None:
        """Let go of the model and its memory."""
        if self._chat is not None:
            await self._chat.close()
        await asyncio.to_thread(self._stop)

    def _started(self) -> OpenAIChat:
        with self._loading:
            if self._chat is None:
                self._chat = self._start()
            return self._chat

    def _start(self) -> OpenAIChat:
        assert self._path is not None
        parameters = _parameters(self._path, self._settings)
        key = random_keys.token_urlsafe(24)
        parameters.api_keys = [key]
        try:
            self._server = xllamacpp.Server(parameters)
            address = str(self._server.listening_address)
        except (RuntimeError, ValueError, OSError) as error:
            message = f"{self._path} cannot be loaded: {error}"
            raise ProviderError(message, retryable=False) from None
        settings = OpenAISettings(
            base_url=f"{address}/v1",
            headers={"Authorization": f"Bearer {key}"},
            structured="json_object",
            # After a stream it closes the connection, and does not say so before.
            keep_alive=False,
            concurrency=self._settings.concurrency,
        )
        return OpenAIChat(self._name, settings, self._surroundings)

    def _stop(self) -> None:
        with self._loading:
            # The last reference: its threads end with it.
            self._server = self._chat = None


def _parameters(path: str, settings: LocalSettings) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.model_alias = {Path(path).stem}
    parameters.n_ctx = settings.context_tokens or 0
    parameters.n_parallel = settings.concurrency or 1
    parameters.warmup = False
    parameters.verbosity = QUIET
    threads = settings.threads or os.cpu_count() or 1
    for processors in (parameters.cpuparams, parameters.cpuparams_batch):
        processors.n_threads = threads
    return parameters


def _made(name: str, settings: LocalSettings, surroundings: Surroundings) -> Provider:
    named = settings.file or settings.model
    path = None if named is None else str(Path(named).expanduser())
    model = None if path is None else Path(path).stem
    # It costs nothing to ask, whatever it is called.
    free = ModelFacts(name=model or "", input_usd_per_million=0, output_usd_per_million=0)
    known = settings.model_copy(update={"model": model})
    chat = LocalChat(name, path, settings, surroundings)
    prices = Prices((*settings.models, free))
    return ChatProvider(name, chat, known, surroundings.secrets, prices=prices)


KIND = ProviderKind(LocalSettings, _made)
