"""What steps and providers can do, by declared names: a misspelt one is an error, not a miss."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from otp_genesis.contracts.registry import Registry
from otp_genesis.errors import InvalidEntry, UnknownName, UsageError, did_you_mean

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class Capability:
    """One thing that can be done."""

    name: str
    description: str = ""
    origin: str = "built-in"


BUILT_IN = (
    Capability("text", "answers a prompt with text"),
    Capability("structured_output", "answers with data that satisfies a JSON Schema"),
    Capability("tools", "calls the functions that it is offered"),
    Capability("streaming", "tells its answer as it comes"),
    Capability("sessions", "goes on with a conversation"),
    Capability("agent", "works on the files of a codebase with tools of its own"),
    Capability("images", "takes pictures"),
    Capability("embeddings", "turns text into vectors"),
    Capability("control_flow", "runs other steps"),
    Capability("data", "makes, changes or keeps values"),
    Capability("files", "reads or writes files"),
    Capability("commands", "runs programs"),
    Capability("approval", "waits for a person"),
)


class Capabilities(Registry[Capability]):
    """The declared capabilities; a plugin or a caller may declare more."""

    def __init__(self) -> None:
        super().__init__("capability", BUILT_IN)

    def admit(self, entry: Capability) -> None:
        """Raise `InvalidEntry` for a name that is none."""
        if not _NAME.fullmatch(entry.name):
            message = f"capability {entry.name!r}: a name is like 'structured_output'"
            raise InvalidEntry(message)

    def declare(self, name: str, description: str, *, origin: str = "code") -> Capability:
        """Declare one; declaring it again with the same words changes nothing.

        Raises `DuplicateName` where it means something else already, `InvalidEntry` for a bad name.
        """
        capability = Capability(name, description, origin)
        known = self._entries.get(name)
        if known is None or known.description != description:
            self.add(capability)
        return capability

    def require(self, names: Iterable[str], who: str) -> frozenset[str]:
        """Return the names as a set; raise `InvalidEntry` where one of them is not declared."""
        given = frozenset(names)
        for name in sorted(given.difference(self._entries)):
            near = did_you_mean(name, self._entries)
            raise InvalidEntry(f"{who}: no capability {name!r}{near}")
        return given

    def asked(self, name: str) -> str:
        """Return a name that a user asks for; raise `UsageError` where it is not declared.

        A plugin that would declare it is loaded for it.
        """
        try:
            return self.get(name).name
        except UnknownName as error:
            raise UsageError(f"no capability {name!r}{did_you_mean(name, error.known)}") from None
