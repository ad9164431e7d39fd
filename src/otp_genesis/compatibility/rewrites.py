"""Places of a document that are written otherwise now, each as an edit that leaves its meaning.

Every function looks at the document as it is and returns what it would change, or, for a place
that it cannot change, the path and what was wanted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from otp_genesis.compatibility.draft import Edit, same_spans
from otp_genesis.compatibility.places import Kinds, Place, steps_in, within
from otp_genesis.compatibility.scalars import body_of, in_place_of, places_in, quote_of
from otp_genesis.contracts.entry import Deprecation
from otp_genesis.contracts.step import StepNames
from otp_genesis.expr.rename import rename_places
from otp_genesis.expr.scope import OLDER_ROOTS, ROOTS
from otp_genesis.expr.template import has_template
from otp_genesis.model.document import Document, Path, Span

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SOURCE = re.compile(r"previous_response:([\w-]+)((?:[.:][A-Za-z_]\w*)*)", re.ASCII)
_FORM = re.compile(r"(?<=\{\{)(\s*)" + _SOURCE.pattern + r"(?=\s*\}\})", re.ASCII)
_CONTEXT = re.compile(r"context:(inputs|results|state|variables)((?:\.[A-Za-z_]\w*)+)", re.ASCII)
_CONTEXTS = {"inputs": "inputs", "results": "steps", "state": "state", "variables": "state"}
_BETWEEN = re.compile(r"[\s,]*")
_BETWEEN_LINES = re.compile(r"(?:\s|#[^\n]*)*")
_WORD = {"step": "previous_response: name → step", "variables": "variable, value → variables"}


@dataclass(frozen=True)
class Names:
    """What step types are called now."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    deprecated: Mapping[str, Deprecation] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Return the name to write instead of `name`, or `name` itself."""
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            deprecation = self.deprecated.get(name)
            instead = deprecation.use if deprecation else None
            name = instead or self.aliases.get(name, name)
        return name


@dataclass(frozen=True)
class Refused:
    """A place that cannot be changed, and why. `paths` are all that lead to it."""

    paths: tuple[Path, ...]
    why: str


Found = Iterator[Edit | Refused]


def types(document: Document, kinds: Kinds, names: Names, old: str) -> Found:
    """Yield the steps of the type `old`, called as it is called now."""
    wanted = {
        (*place.path, "type"): names.of(old)
        for place in steps_in(document.data, kinds)
        if place.keys["type"] == old
    }
    yield from _strings(document, wanted, "type {old} → {new}")


def parts_of_prompts(document: Document, kinds: Kinds) -> Found:
    """Yield each `previous_response` that says `name` for the step."""
    wanted = [
        at
        for place in steps_in(document.data, kinds)
        for at in _named_steps(place)
        if at[-1] == "name" and "step" not in (within(document.data, at[:-1]) or {})
    ]
    twins = same_spans(document.keys)
    for span, paths in _grouped(document.keys, wanted):
        if problem := _unlike(paths, twins, span, dict.fromkeys(wanted)):
            yield Refused(tuple(paths), problem)
            continue
        quote = document.text[span.start] if document.text[span.start] in "'\"" else ""
        places = tuple(path[:-1] for path in twins[span.start, span.end])
        new = ((span.start, span.end, f"{quote}step{quote}"),)
        yield Edit(_WORD["step"], new, places, lambda part: _renamed_key(part, "name", "step"))


def _named_steps(place: Place) -> Iterator[Path]:
    for name, info in (place.kind.params.model_fields if place.kind else {}).items():
        for mark in info.metadata:
            if isinstance(mark, StepNames):
                for at, _ in mark.within(place.keys.get(name)):
                    yield (*place.path, name, *at)


def _renamed_key(mapping: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in mapping.items()}


def variables(document: Document, kinds: Kinds) -> Found:
    """Yield each `variable: NAME` with its `value`, as one mapping `variables`."""
    keys, values = document.keys, document.values
    twins = same_spans(keys)
    done: set[Path] = set()
    for place in steps_in(document.data, kinds):
        first, second = (*place.path, "variable"), (*place.path, "value")
        name = place.keys.get("variable")
        is_old = place.kind is not None and place.kind.name == "set_variable"
        if not is_old or place.path in done or not {"variable", "value"} <= place.keys.keys():
            continue
        if "variables" in place.keys or not isinstance(name, str) or "{{" in name:
            yield Refused((first,), "write 'variables: {NAME: VALUE}'")
            continue
        same = [path[:-1] for path in twins[keys[first].start, keys[first].end]]
        others = [path[:-1] for path in twins[keys[second].start, keys[second].end]]
        done.update(same)
        between = document.text[values[first].end : keys[second].start]
        beside = _BETWEEN if is_flow(document, place.path) else _BETWEEN_LINES
        if same != others or not beside.fullmatch(between):
            yield Refused((first,), "'variable' and 'value' do not stand side by side")
            continue
        new = _one_mapping(document, place.path)
        yield Edit(_WORD["variables"], new, tuple(same), _with_variables)


def _with_variables(step: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in step.items() if key not in ("variable", "value")}
    return {**rest, "variables": {step["variable"]: step["value"]}}


def _one_mapping(document: Document, path: Path) -> tuple[tuple[int, int, str], ...]:
    keys, values, text = document.keys, document.values, document.text
    key, name = keys[*path, "variable"], values[*path, "variable"]
    other, value = keys[*path, "value"], values[*path, "value"]
    named = text[name.start : name.end]
    if is_flow(document, path):
        quote = text[key.start] if text[key.start] in "'\"" else ""
        whole = f"{quote}variables{quote}: {{{named}: {text[value.start : value.end]}}}"
        return ((key.start, value.end, whole),)
    end = max(
        (
            span.end
            for at, span in values.items()
            if at[: len(path) + 1] == (*path, "value") and is_leaf(document, at)
        ),
        default=value.end,
    )
    inner = re.finditer(r"\n(?=[^\r\n])", text[other.end : end])
    deeper = ((other.end + one.end(), other.end + one.end(), "  ") for one in inner)
    return (
        (key.start, name.end, "variables:"),
        (other.start, other.end, f"  {named}"),
        *((at, to, blanks) for at, to, blanks in deeper if at < end),
    )


def is_flow(document: Document, path: Path) -> bool:
    """Whether the mapping or list there is written in braces or brackets."""
    span = document.values[path]
    raw = document.text[span.start : span.end]
    return raw[body_of(raw)[0] :][:1] in ("{", "[")


def is_leaf(document: Document, path: Path) -> bool:
    """Whether the end of the value there is its own: that of a block is where the next begins."""
    return not isinstance(within(document.data, path), dict | list) or is_flow(document, path)


def sources(document: Document, kinds: Kinds) -> Found:
    """Yield each `data_source` of a loop that names its data, as a template.

    One that names what is both a step and a variable is left: which it means shows in a run.
    """
    places = steps_in(document.data, kinds)
    named = {str(place.keys.get("name")) for place in places}
    variables = _variables(document, places)
    wanted: dict[Path, str] = {}
    for place in places:
        at, source = (*place.path, "data_source"), place.keys.get("data_source")
        if place.kind is None or place.kind.name != "for_loop" or not isinstance(source, str):
            continue
        span = document.values[at]
        quote = '"' if quote_of(document.text[span.start : span.end]) == "'" else "'"
        expression = None if has_template(source) else _source(source, quote)
        root = re.split("[.:]", source)[0]
        twice = root in named and root in variables and root not in place.local
        dotted = "." in source and source.rpartition(":")[2] in named | variables
        if expression and not twice and not dotted:
            wanted[at] = f"{{{{ {expression} }}}}"
    yield from _strings(document, wanted, "data_source {old} → {new}")


def _variables(document: Document, places: list[Place]) -> set[str]:
    """Return the names of all variables that are set somewhere."""
    found: set[str] = set()
    for at in {(), *(place.path[:-2] for place in places)}:
        found |= _keys(within(document.data, (*at, "variables")))
    for place in places:
        found |= _keys(place.keys.get("variables")) | {str(place.keys.get("variable"))}
    return found


def _keys(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


def _source(source: str, quote: str) -> str | None:
    """Return the expression that a source means, if it is one."""
    if match := _SOURCE.fullmatch(source):
        return None if match[1] == "loop" else _result(match[1], match[2], quote)
    if match := _CONTEXT.fullmatch(source):
        return _CONTEXTS[match[1]] + match[2]
    root, *fields = re.split("[.:]", source)
    if not all(_NAME.fullmatch(one) for one in (root, *fields)) or source.count(":") > 1:
        return None
    return None if root in (*ROOTS, *OLDER_ROOTS) and root != "steps" else ".".join((root, *fields))


def _result(step: str, path: str, quote: str) -> str:
    root = f"steps.{step}" if _NAME.fullmatch(step) else f"steps[{quote}{step}{quote}]"
    return root + path.replace(":", ".")


def with_results_named(source: str) -> str:
    """Return a template with its `previous_response:STEP:FIELD` as results of steps."""
    return _FORM.sub(lambda one: one[1] + _result(one[2], one[3], "'"), source)


def forms(document: Document, places: Iterable[Path]) -> Found:
    """Yield each `{{previous_response:STEP:FIELD}}` in the templates at `places`."""
    wanted: dict[Path, tuple[tuple[int, str, str], ...]] = {}
    for path in places:
        value, span = within(document.data, path), document.values.get(path)
        if not isinstance(value, str) or span is None:
            continue
        raw = document.text[span.start : span.end]
        quote = '"' if quote_of(raw) == "'" else "'"
        found = tuple(
            (
                match.end(1),
                value[match.end(1) : match.end()],
                _result(match[2], match[3], quote),
            )
            for match in _FORM.finditer(value)
        )
        if found:
            wanted[path] = found
    yield from _within_strings(document, wanted)


def names(document: Document, wanted: Mapping[Path, Mapping[str, str]]) -> Found:
    """Yield the expressions whose names are to be said in full.

    Raises `ExpressionError` for none: what was checked can be read.
    """
    found: dict[Path, tuple[tuple[int, str, str], ...]] = {}
    for path, new in wanted.items():
        value = within(document.data, path)
        if isinstance(value, str):
            bare = "{{" not in value and "{%" not in value
            found[path] = tuple(rename_places(value, new, bare=bare))
    yield from _within_strings(document, found)


def _strings(document: Document, wanted: Mapping[Path, str], what: str) -> Found:
    """Yield whole strings written anew."""
    twins = same_spans(document.values)
    for span, paths in _grouped(document.values, wanted):
        path = paths[0]
        if problem := _unlike(paths, twins, span, wanted):
            yield Refused(tuple(paths), problem)
            continue
        raw = document.text[span.start : span.end]
        old, new = within(document.data, path), wanted[path]
        places = tuple(twins[span.start, span.end])
        said = what.format(old=old, new=new)
        replaced = ((span.start, span.end, in_place_of(raw, new)),)
        yield Edit(said, replaced, places, lambda _, new=new: new)  # type: ignore[misc]


def _within_strings(
    document: Document, wanted: Mapping[Path, tuple[tuple[int, str, str], ...]]
) -> Found:
    """Yield parts of strings written anew: each as its place in the string, the old, the new."""
    twins = same_spans(document.values)
    for span, paths in _grouped(document.values, wanted):
        path = paths[0]
        if problem := _unlike(paths, twins, span, wanted):
            yield Refused(tuple(paths), problem)
            continue
        value = within(document.data, path)
        raw = document.text[span.start : span.end]
        parts = _parts(raw, value, wanted[path], span.start)
        if not parts:
            yield Refused(tuple(paths), "its text is written in a way that hides the names")
            continue
        said = ", ".join(dict.fromkeys(f"{old} → {new}" for _, old, new in wanted[path]))
        meant = value
        for at, old, new in reversed(wanted[path]):
            meant = meant[:at] + new + meant[at + len(old) :]
        places = tuple(twins[span.start, span.end])
        yield Edit(said, parts, places, lambda _, meant=meant: meant)  # type: ignore[misc]


def _parts(
    raw: str, value: str, wanted: tuple[tuple[int, str, str], ...], start: int
) -> tuple[tuple[int, int, str], ...]:
    places = places_in(raw, value) or {}
    parts = []
    for at, old, new in wanted:
        there = places.get(at)
        if there is None or raw[there : there + len(old)] != old:
            return ()
        parts.append((start + there, start + there + len(old), new))
    return tuple(parts)


def _grouped(spans: Mapping[Path, Span], wanted: Iterable[Path]) -> list[tuple[Span, list[Path]]]:
    """Return the wanted paths by the place where they are written."""
    found: dict[Span, list[Path]] = {}
    for path in wanted:
        if path in spans:
            found.setdefault(spans[path], []).append(path)
    return list(found.items())


def _unlike(
    paths: list[Path],
    twins: Mapping[tuple[int, int], list[Path]],
    span: Span,
    wanted: Mapping[Path, object],
) -> str | None:
    """Return why a place that several paths lead to, by an anchor, cannot be changed for all."""
    for path in twins[span.start, span.end]:
        # What stands beside the workflow under `x-…` is there for its anchors only.
        if path not in wanted and not str(path[0]).startswith("x-"):
            return f"it is used by its anchor at {_shown(path)} too, where it means something else"
        if path in wanted and wanted[path] != wanted[paths[0]]:
            return f"it is used by its anchor at {_shown(path)} too, where it means something else"
    return None


def _shown(path: Path) -> str:
    return json.dumps(".".join(map(str, path)), ensure_ascii=False)
