"""What the gateway records: whole requests and how they were answered, in the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from otp_genesis import errors
from otp_genesis.contracts.call_site import CallSite, Tape
from otp_genesis.contracts.provider import Reply, Request
from otp_genesis.errors import GenesisError, NoProvider, ProviderError

WIRE = "wire"
"""The key of an answer that another provider has recorded at its own wire."""
_SAID = frozenset(
    ("prompt", "system", "output_schema", "model", "tools", "max_output_tokens", "options")
)
_PLACES = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def key_of(request: Request, root: str | None) -> dict[str, Any]:
    """Return what a request is known by: what it says, and not who is asked or from where.

    The folder that is worked on, and ids that are made anew in every run, are left out.
    """
    said = request.model_dump(mode="json", include=set(_SAID), exclude_defaults=True)
    said["needs"] = sorted(request.needs)
    if request.mcp_servers:
        said["mcp_servers"] = sorted(request.mcp_servers)
    kept: dict[str, Any] = _placeless(said, root)
    return kept


def _placeless(value: Any, root: str | None) -> Any:
    match value:
        case str():
            text = value if root is None else value.replace(root, "/PROJECT")
            return _PLACES.sub("ID", text)
        case Mapping():
            return {key: _placeless(one, root) for key, one in value.items()}
        case list() | tuple():
            return [_placeless(one, root) for one in value]
    return value


class Recorded:
    """A tape as the gateway uses it."""

    def __init__(self, tape: Tape, site: CallSite):
        self.tape = tape
        self._root = site.codebase.root if site.codebase is not None else None

    def keep_available(self, needs: tuple[str, ...], answer: bool) -> None:
        """Record whether anybody could be asked for these capabilities."""
        self.tape.keep({"available": sorted(needs)}, {"available": answer})

    def available(self, needs: tuple[str, ...]) -> bool:
        """Return what was recorded of that; where nothing was, nobody could be asked."""
        found = self.tape.find({"available": sorted(needs)})
        return bool(found and found["available"])

    def keep(self, request: Request, reply: Reply, *, wire: bool) -> None:
        """Record an answer; of one that was recorded at the wire, only who gave it."""
        said = {WIRE: reply.provider} if wire else {"reply": reply.model_dump(mode="json")}
        self.tape.keep(key_of(request, self._root), said)

    def keep_failure(self, request: Request, error: GenesisError, wire: str | None) -> None:
        """Record that there was no answer."""
        said: dict[str, Any] = {"error": str(error), "class": type(error).__name__}
        if isinstance(error, ProviderError):
            said["retryable"] = error.retryable
        if wire is not None:
            said = {WIRE: wire}
        self.tape.keep(key_of(request, self._root), said)

    def answer(self, request: Request) -> Reply | str:
        """Return the recorded reply, or who recorded it at the wire.

        Raises the recorded error, and `ProviderError` for a request that is not on the tape.
        """
        key = key_of(request, self._root)
        found = self.tape.find(key)
        if found is None:
            raise ProviderError(self.tape.missed(key), retryable=False)
        if WIRE in found:
            return str(found[WIRE])
        if "error" in found:
            raise _error(found)
        return Reply.model_validate(found["reply"])


def _error(found: Mapping[str, Any]) -> GenesisError:
    """Return the error that was recorded, of its class where that needs no more than a message."""
    told, name = str(found["error"]), found["class"]
    if name == NoProvider.__name__:
        return NoProvider((), {"when this was recorded": told})
    kinds: dict[str, Callable[[str], ProviderError]] = {
        one.__name__: one
        for one in (
            errors.RateLimited, errors.Overloaded, errors.NoAnswerInTime, errors.BrokenStream,
            errors.ContextTooLong, errors.ContentFiltered, errors.BadCredentials,
        )
    }  # fmt: skip
    if name in kinds:
        return kinds[name](told)
    return ProviderError(told, retryable=bool(found.get("retryable")))
