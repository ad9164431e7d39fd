"""The steps of a document, however deep, and the pipelines that are written in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from otp_genesis.contracts.step import Block, Brings, PipelineFile, deferred_kind
from otp_genesis.contracts.step_type import StepType
from otp_genesis.model.document import Path

Kinds = Callable[[str], StepType[Any] | None]
"""Returns the step type that a name leads to, if any."""


@dataclass(frozen=True)
class Place:
    """A step: where it stands, and the names that loops around it bring."""

    path: Path
    keys: dict[str, Any]
    kind: StepType[Any] | None
    pipeline: Path
    """Where the mapping of the pipeline is that it belongs to."""
    local: frozenset[str] = frozenset()


def within(data: Any, path: Path) -> Any:
    """Return what is at `path`, or nothing."""
    for key in path:
        try:
            data = data[key]
        except (LookupError, TypeError):
            return None
    return data


def steps_in(data: Any, kinds: Kinds) -> list[Place]:
    """Return every step, those of nested blocks and of pipelines written in the document too."""
    return [one for one in _pipeline(data, (), kinds) if isinstance(one, Place)]


def pipelines_in(data: Any, kinds: Kinds) -> list[Path]:
    """Return where the mapping of each pipeline stands: the document's, and those inside it."""
    return [one for one in _pipeline(data, (), kinds) if not isinstance(one, Place)]


def _pipeline(value: Any, at: Path, kinds: Kinds) -> Iterator[Place | Path]:
    if isinstance(value, dict) and "workflow" in value:
        value, at = value["workflow"], (*at, "workflow")
    if isinstance(value, dict):
        yield at
        around = Place(at, value, None, at)
        yield from _block(value.get("steps"), (*at, "steps"), kinds, around)


def _block(value: Any, at: Path, kinds: Kinds, around: Place) -> Iterator[Place | Path]:
    for index, keys in enumerate(value if isinstance(value, list) else ()):
        if isinstance(keys, dict) and isinstance(keys.get("type"), str):
            kind = kinds(keys["type"])
            place = Place((*at, index), keys, kind, around.pipeline, around.local)
            yield place
            yield from _inside(place, kinds)


def _inside(place: Place, kinds: Kinds) -> Iterator[Place | Path]:
    """Yield what stands in the parameters of a step that hold steps."""
    fields = place.kind.params.model_fields if place.kind else {}
    for name, info in fields.items():
        deferred, mapped = deferred_kind(info.annotation)
        value, at = place.keys.get(name), (*place.path, name)
        if deferred is None or not issubclass(deferred, Block):
            continue
        several = value.items() if mapped and isinstance(value, dict) else [(None, value)]
        deeper = replace(place, local=place.local | brought(place, info.metadata))
        for key, one in several:
            inner = at if key is None else (*at, key)
            if issubclass(deferred, PipelineFile):
                yield from _pipeline(one, inner, kinds)
            else:
                yield from _block(one, inner, kinds, deeper)


def brought(place: Place, marks: list[Any]) -> set[str]:
    """Return the names that a parameter sees besides, by the marks of its type."""
    names: set[str] = set()
    for mark in marks:
        if isinstance(mark, Brings) and place.kind is not None:
            names.update(mark.names)
            for field in mark.fields:
                default = place.kind.params.model_fields[field].default
                names.add(str(place.keys.get(field, default)))
    return names
