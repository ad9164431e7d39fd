"""What was said in the conversations of a run: kept as variables, so that a resumed run has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otp_genesis.expr.scope import Scope
from otp_genesis.model.frozen import Frozen

PREFIX = "claude_session."
"""Of the variables that hold conversations; no expression can mean one of them by accident."""


class Message(Frozen):
    """One thing that was said; `role` is `user` or `assistant`."""

    role: str
    text: str


class Conversation(Frozen):
    """A conversation by its name, the provider's id of it where it gave one, and what was said."""

    name: str
    session_id: str | None = None
    messages: tuple[Message, ...] = ()

    @property
    def turns(self) -> int:
        """How often it was answered."""
        return sum(1 for message in self.messages if message.role == "assistant")

    def after(self, asked: str, answered: str, session_id: str | None) -> Conversation:
        """Return it with one more question and its answer."""
        said = (Message(role="user", text=asked), Message(role="assistant", text=answered))
        return Conversation(
            name=self.name,
            session_id=session_id or self.session_id,
            messages=(*self.messages, *said),
        )

    def variables(self) -> dict[str, Any]:
        """Return it as the variable that later steps find it in."""
        return {PREFIX + self.name: self.model_dump(mode="json")}


def provider_id(name: str, scope: Scope) -> str:
    """Return the provider's id of the conversation that was had under a name, or else the name."""
    known = conversation(scope, name)
    return (known.session_id if known else None) or name


def conversation(scope: Scope, name: str) -> Conversation | None:
    """Return the conversation of that name, or with that id, if there was one so far."""
    state: Mapping[str, Any] = scope.state
    if isinstance(kept := state.get(PREFIX + name), Mapping):
        return Conversation.model_validate(kept)
    for key, value in state.items():
        if key.startswith(PREFIX) and isinstance(value, Mapping) and value["session_id"] == name:
            return Conversation.model_validate(value)
    return None
