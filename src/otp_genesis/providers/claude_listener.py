"""What the agent says while it works: told as events, and kept for the answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from otp_genesis.contracts.call_site import CallSite
from otp_genesis.deferred import deferred
from otp_genesis.model.event import ModelSaid

if TYPE_CHECKING:
    import claude_agent_sdk as sdk
else:
    sdk = deferred("claude_agent_sdk")

LONGEST = 2000
"""What is longer is cut, in an event."""
PIECE = 200
"""So many characters of a stream are gathered before they are told."""
What = Literal["text", "thinking", "tool_call", "tool_result"]
_DELTAS: dict[str, tuple[What, str]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
}


class Listener:
    """Hears the messages of one call."""

    def __init__(
        self, provider: str, site: CallSite, redact: Callable[[str], str], *, stream: bool
    ):
        self._provider, self._site, self._redact, self._stream = provider, site, redact, stream
        self._tools: dict[str, str] = {}
        self._gathered = ""
        self._gathering: What = "text"
        self.result: sdk.ResultMessage | None = None
        self.model: str | None = None
        self.text = ""
        """What the model said last."""

    async def heard(self, message: Any) -> None:
        """Take in one message of the SDK."""
        if isinstance(message, sdk.ResultMessage):
            self.result = message
        elif isinstance(message, sdk.StreamEvent):
            await self._piece(message)
        elif isinstance(message, sdk.AssistantMessage):
            await self._said(message)
        elif isinstance(message, sdk.UserMessage) and isinstance(message.content, list):
            for block in message.content:
                await self._returned(block)

    async def _said(self, message: sdk.AssistantMessage) -> None:
        main = message.parent_tool_use_id is None
        # What the CLI says itself, of an error, is from a model of this name.
        main = main and message.model != "<synthetic>"
        if main:
            self.model = message.model
        told = self._stream and main and message.error is None
        for block in message.content:
            if isinstance(block, sdk.TextBlock):
                self.text = block.text if main else self.text
                if not told:
                    await self._tell("text", block.text)
            elif isinstance(block, sdk.ThinkingBlock):
                if not told:
                    await self._tell("thinking", block.thinking)
            elif isinstance(block, sdk.ToolUseBlock):
                self._tools[block.id] = block.name
                arguments = json.dumps(block.input, ensure_ascii=False)
                await self._tell("tool_call", arguments, block.name)

    async def _returned(self, block: Any) -> None:
        if isinstance(block, sdk.ToolResultBlock):
            text, tool = _text_of(block.content), self._tools.get(block.tool_use_id)
            await self._tell("tool_result", text, tool, failed=bool(block.is_error))

    async def _piece(self, message: sdk.StreamEvent) -> None:
        if message.parent_tool_use_id is not None:
            return
        event = message.event
        if event.get("type") == "content_block_stop":
            await self._flush()
        delta = event.get("delta") or {}
        if (known := _DELTAS.get(delta.get("type", ""))) is None:
            return
        what, member = known
        if what != self._gathering:
            await self._flush()
        self._gathering = what
        self._gathered += delta.get(member, "")
        if len(self._gathered) >= PIECE:
            await self._flush()

    async def _flush(self) -> None:
        gathered, self._gathered = self._gathered, ""
        if gathered:
            await self._tell(self._gathering, gathered)

    async def _tell(
        self, what: What, text: str, tool: str | None = None, *, failed: bool = False
    ) -> None:
        text = self._redact(text)
        await self._site.tell(
            ModelSaid(
                at=time.time(),
                path=self._site.path,
                provider=self._provider,
                what=what,
                text=text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…",
                tool=tool,
                failed=failed,
            )
        )


def _text_of(content: Any) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    return "\n".join(part.get("text") or f"({part.get('type')})" for part in content)
