"""A conversation as Chat Completions has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otp_genesis.providers.chat import Answered, Asked, Chat, Function, Message
from otp_genesis.providers.chat_options import NO_WISHES, Sampling
from otp_genesis.providers.native_schema import OPENAI, fits

SCHEMA_NAME = "answer"


def body_of(
    chat: Chat, *, longest: str, with_top_k: bool, json_object: bool, stream_usage: bool
) -> dict[str, Any]:
    """Return the request.

    `longest` is the field that limits the answer's length; `json_object` asks for some JSON where
    the schema itself is told in words.
    """
    messages = [_message(one) for one in chat.messages]
    if chat.system:
        messages.insert(0, {"role": "system", "content": chat.system})
    body: dict[str, Any] = {"model": chat.model, "messages": messages}
    if chat.functions:
        body["tools"] = [_tool(one) for one in chat.functions]
    if chat.schema is not None:
        if chat.native:
            body["response_format"] = _format(chat.schema)
        elif json_object:
            body["response_format"] = {"type": "json_object"}
    if chat.sampling is not NO_WISHES:
        body |= _drawing(chat.sampling, longest, with_top_k=with_top_k)
    if chat.hear is not None:
        body["stream"] = True
        if stream_usage:
            body["stream_options"] = {"include_usage": True}
    return body


def _message(message: Message) -> dict[str, Any]:
    if isinstance(message, Asked):
        return {"role": "user", "content": message.text}
    if isinstance(message, Answered):
        return _answered(message)
    text = f"Error: {message.text}" if message.failed else message.text
    return {"role": "tool", "tool_call_id": message.call.id, "content": text}


def _answered(message: Answered) -> dict[str, Any]:
    told: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if message.calls:
        told["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.calls
        ]
    return told


def _tool(function: Function) -> dict[str, Any]:
    told = {
        "name": function.name,
        "description": function.description,
        "parameters": dict(function.parameters),
    }
    return {"type": "function", "function": told}


def _format(schema: Mapping[str, Any]) -> dict[str, Any]:
    strict = fits(schema, OPENAI)
    told = {"name": SCHEMA_NAME, "schema": schema, "strict": strict}
    return {"type": "json_schema", "json_schema": told}


def _drawing(sampling: Sampling, longest: str, *, with_top_k: bool) -> dict[str, Any]:
    said = {
        longest: sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k if with_top_k else None,
        "stop": list(sampling.stop_sequences) or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {key: value for key, value in said.items() if value is not None}
