"""A provider that answers from a list: for tests, rehearsals and demonstrations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from otp_genesis.contracts.provider import Health, Reply, Request
from otp_genesis.deferred import deferred
from otp_genesis.errors import ProviderError, UsageError
from otp_genesis.model.frozen import Frozen
from otp_genesis.model.outcome import Usage

if TYPE_CHECKING:
    import yaml
else:
    yaml = deferred("yaml")


class Scripted(Frozen):
    """One prepared answer, given to the first prompt that `when` (a regular expression) matches."""

    when: str = ""
    text: str = ""
    data: Any = None
    error: str | None = None
    """Fail with this message instead."""
    retryable: bool = False
    once: bool = False
    """Whether it is used up by being given."""


class ScriptedProvider:
    """Answers by script; says so where the script has no answer."""

    name = "scripted"
    capabilities: frozenset[str] = frozenset(("text", "structured_output", "tools"))

    def __init__(
        self,
        answers: Sequence[Scripted | str] | Callable[[Request], Reply] = (),
        *,
        name: str = "scripted",
        capabilities: frozenset[str] | None = None,
    ):
        self.name = name
        if capabilities is not None:
            self.capabilities = capabilities
        self._answer = answers if callable(answers) else None
        scripted = () if callable(answers) else answers
        self._script = [Scripted(text=one) if isinstance(one, str) else one for one in scripted]
        self.requests: list[Request] = []
        """Everything that was asked."""

    @classmethod
    def from_file(cls, path: Path) -> ScriptedProvider:
        """Return the provider whose answers a YAML file lists; raise `UsageError`."""
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            return cls(TypeAdapter(list[Scripted]).validate_python(data or []))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise UsageError(f"{path}: not a list of scripted answers: {error}") from None

    async def check(self) -> Health:
        """It is there when it has anything to say."""
        if self._script or self._answer or self.requests:
            return Health(True)
        return Health(False, "it has no script", "name one in genesis.toml: [providers.scripted]")

    def knows(self, request: Request) -> bool:
        """Whether there is an answer to a request."""
        if self._answer is not None:
            return True
        return any(re.search(one.when, request.prompt) for one in self._script)

    async def complete(self, request: Request) -> Reply:
        """Give the first answer whose `when` matches."""
        self.requests.append(request)
        if self._answer is not None:
            return self._answer(request)
        for position, scripted in enumerate(self._script):
            if re.search(scripted.when, request.prompt):
                if scripted.once:
                    del self._script[position]
                return self._reply(scripted, request)
        raise ProviderError(
            f"the script has no answer to {request.prompt[:200]!r}", retryable=False
        )

    def _reply(self, scripted: Scripted, request: Request) -> Reply:
        if scripted.error is not None:
            raise ProviderError(scripted.error, retryable=scripted.retryable)
        usage = Usage(input_tokens=len(request.prompt) // 4, output_tokens=len(scripted.text) // 4)
        return Reply(text=scripted.text, data=scripted.data, model="script", usage=usage)
