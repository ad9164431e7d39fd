"""A path into the result of a step of an older document: also into what the result stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from otp_genesis.contracts.step import Context
from otp_genesis.steps.picking import NotThere, picked

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


def within(result: Any, path: str, ctx: Context) -> Any:
    """Return what is at a path in a result; where there is nothing, in what it stands for: the
    variables that a `set_variable` set, the tasks of a `parallel_claude`, the JSON that an
    answer's text is. Raises what `picked` raises of the result itself.
    """
    try:
        return picked(result, path)
    except NotThere:
        for instead in _instead(result, ctx):
            with suppress(NotThere):
                return picked(instead, path)
        raise


def data_of_transform(result: Any) -> Any:
    """Return the data of a `data_transform`'s result; any other result as it is."""
    if isinstance(result, Mapping) and len(result) == 2:
        for name in result:
            if is_field_of_transform(name, result):
                return result[name]
    return result


def is_field_of_transform(name: str, result: Mapping[str, Any]) -> bool:
    """Whether a result is that of a `data_transform` whose `output_field` has that name."""
    metadata = result.get("metadata")
    known = isinstance(metadata, Mapping) and "operation_count" in metadata
    return known and name != "metadata" and result.keys() == {name, "metadata"}


def _instead(result: Any, ctx: Context) -> Iterator[Any]:
    if not isinstance(result, Mapping):
        return
    state = ctx.scope.state
    if isinstance(names := result.get("variables_set"), list):
        yield {name: state[name] for name in names if name in state}
    if isinstance(tasks := result.get("individual_results"), Mapping):
        yield tasks
    if isinstance(text := result.get("text"), str):
        fenced = _FENCED.search(text)
        with suppress(ValueError):
            yield json.loads(fenced[1] if fenced else text)
