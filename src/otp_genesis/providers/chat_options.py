"""How an answer is to be drawn, out of a request's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otp_genesis.contracts.provider import Request


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is asked of the drawing; nothing leaves it to the vendor."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


NO_WISHES = Sampling()


def sampling_of(request: Request) -> Sampling:
    """Return what the request and its options say; an option beats its `token_budget`."""
    options = request.options
    if not options:
        longest = request.max_output_tokens
        return NO_WISHES if longest is None else Sampling(max_output_tokens=longest)
    budget = options.get("token_budget")
    said = {**budget, **options} if isinstance(budget, Mapping) else options
    longest = request.max_output_tokens or _whole(said.get("max_output_tokens"))
    return Sampling(
        max_output_tokens=longest,
        temperature=_number(said.get("temperature")),
        top_p=_number(said.get("top_p")),
        top_k=_whole(said.get("top_k")),
        stop_sequences=_texts(said.get("stop_sequences")),
        seed=_whole(said.get("seed")),
        presence_penalty=_number(said.get("presence_penalty")),
        frequency_penalty=_number(said.get("frequency_penalty")),
    )


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None or number != int(number) else int(number)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
