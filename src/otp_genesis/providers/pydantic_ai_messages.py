"""A conversation as pydantic-ai has it, and its answers as turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred
from otp_genesis.errors import BrokenStream, ContentFiltered, ProviderError
from otp_genesis.providers.chat import Answered, Asked, Call, Chat, Result, Tokens, Turn
from otp_genesis.providers.chat_options import Sampling

if TYPE_CHECKING:
    from pydantic_ai import messages, models, output, tools
else:
    messages = deferred("pydantic_ai.messages")
    models = deferred("pydantic_ai.models")
    output = deferred("pydantic_ai.output")
    tools = deferred("pydantic_ai.tools")


def history_of(chat: Chat) -> list[messages.ModelMessage]:
    """Return the conversation; the results of one turn's calls are one message."""
    told: list[messages.ModelMessage] = []
    results: list[Result] = []
    for one in chat.messages:
        if isinstance(one, Result):
            results.append(one)
            continue
        told += _of_results(results, chat.system)
        results = []
        told.append(_of(one, chat.system))
    return [*told, *_of_results(results, chat.system)]


def _of(message: Asked | Answered, system: str | None) -> messages.ModelMessage:
    if isinstance(message, Asked):
        prompt = messages.UserPromptPart(content=message.text)
        return messages.ModelRequest(parts=[prompt], instructions=system)
    # As it came: with its thoughts, and their signatures.
    original: messages.ModelResponse = message.original
    return original


def _of_results(results: Sequence[Result], system: str | None) -> Iterator[messages.ModelRequest]:
    if results:
        parts = [
            messages.ToolReturnPart(
                tool_name=one.call.name,
                content=one.text,
                tool_call_id=one.call.id,
                outcome="failed" if one.failed else "success",
            )
            for one in results
        ]
        yield messages.ModelRequest(parts=parts, instructions=system)


def parameters_of(chat: Chat) -> models.ModelRequestParameters:
    """Return the functions, and the schema where the vendor sees to it."""
    functions = [
        tools.ToolDefinition(
            name=one.name,
            description=one.description,
            parameters_json_schema=dict(one.parameters),
        )
        for one in chat.functions
    ]
    if chat.schema is None or not chat.native:
        return models.ModelRequestParameters(function_tools=functions)
    wanted = output.OutputObjectDefinition(json_schema=dict(chat.schema), strict=True)
    return models.ModelRequestParameters(
        function_tools=functions, output_mode="native", output_object=wanted
    )


def settings_of(sampling: Sampling, known: frozenset[str]) -> Any:
    """Return how the answer is drawn, without what the vendor does not know."""
    said = {
        "max_tokens": sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop_sequences": list(sampling.stop_sequences) or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {key: value for key, value in said.items() if key in known and value is not None}


def turn_of(response: messages.ModelResponse, where: str, *, streamed: bool) -> Turn:
    """Return the turn that an answer is; raise `ProviderError` where it is none."""
    text = "".join(one.content for one in response.parts if isinstance(one, messages.TextPart))
    thoughts = (one for one in response.parts if isinstance(one, messages.ThinkingPart))
    calls = tuple(
        Call(one.tool_call_id, one.tool_name, one.args_as_json_str())
        for one in response.parts
        if isinstance(one, messages.ToolCallPart)
    )
    finish = response.finish_reason
    if finish == "content_filter":
        raise ContentFiltered(f"{where} has filtered the answer{_why(response)}", output=text)
    if finish == "error":
        message = f"the answer of {where} ended in an error{_why(response)}"
        raise ProviderError(message, retryable=True, output=text)
    if finish is None and streamed:
        raise BrokenStream(f"the stream from {where} broke off before its end", output=text)
    used = response.usage
    return Turn(
        text,
        calls,
        Tokens(
            used.input_tokens, used.output_tokens, used.cache_read_tokens, used.cache_write_tokens
        ),
        finish or "stop",
        response.model_name,
        "".join(one.content for one in thoughts),
        response,
    )


def _why(response: messages.ModelResponse) -> str:
    details = response.provider_details or {}
    why = details.get("block_reason") or details.get("finish_reason")
    return f" ({why})" if why else ""
