"""What a step of a known type says and can hardly mean, though it may be bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from otp_genesis.contracts.step_type import StepType
from otp_genesis.engine.references import Visible
from otp_genesis.errors import did_you_mean
from otp_genesis.expr.template import has_template
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Path
from otp_genesis.model.pipeline import Pipeline, Step

Doubts = Iterator[Diagnostic]
_SOURCES = ("inputs", "state", "variables", "global_vars", "steps")
_PREFIXES = ("previous_response:", "context:")
_NAMED = re.compile(r"[^\s:.\[\]{}]+")


def doubts(visible: Visible, step: Step, kind: StepType[Any]) -> Doubts:
    """Yield what should be told of a bound step: warnings, and errors where it must fail."""
    look = _LOOKS.get(kind.name)
    if look is not None:
        yield from look(visible, step)


def _endless(visible: Visible, step: Step) -> Doubts:
    """A loop's condition that holds whatever the loop does."""
    written = step.keys.get("condition")
    source = str(written).lower() if isinstance(written, bool) else written
    if not isinstance(source, str):
        return
    compiled = visible.language.condition(source)
    if not compiled.references and not compiled.notes and compiled.holds({}):
        message = "the condition always holds; the loop ends at 'max_iterations' only"
        yield _warning(visible, (*step.at, "condition"), "endless", message)


def _no_list(visible: Visible, step: Step) -> Doubts:
    """A loop over what is no name, or the name of a text."""
    source, at = step.keys.get("data_source"), (*step.at, "data_source")
    if not isinstance(source, str) or has_template(source) or source.startswith(_PREFIXES):
        return
    found = _NAMED.match(source)
    if found is None:
        return
    names = visible.local | visible.steps | visible.variables
    if found[0] not in (*names, *_SOURCES) and source not in names:
        message = f"no variable and no step before this is called {source!r}"
        near = did_you_mean(found[0], names)
        told = f"{message}{near}; items stand in brackets: [{source}]"
        yield _warning(visible, at, "no-list", told)
    value = visible.pipeline.variables.get(source)
    if isinstance(value, str) and not has_template(value) and source not in visible.local:
        message = f"the variable {source!r} is the text {value!r}; a loop needs a list: [{value}]"
        yield _warning(visible, at, "no-list", message)


def _functions(visible: Visible, step: Step) -> Doubts:
    """Functions that the workflow does not define."""
    names, pipeline = step.keys.get("functions"), visible.pipeline
    if pipeline.strict:
        return  # It is told that it has no 'gemini_functions'.
    defined = _definitions(pipeline)
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if not isinstance(name, str) or has_template(name):
            continue
        if name in defined:
            yield from _definition(pipeline, name)
            continue
        message = f"'gemini_functions' define no function {name!r}{did_you_mean(name, defined)}"
        at = (*step.at, "functions", index)
        yield pipeline.document.error(at, "unknown-function", message)


def _definitions(pipeline: Pipeline) -> Mapping[str, Any]:
    found = pipeline.older.get("gemini_functions")
    return found if isinstance(found, dict) else {}


def _definition(pipeline: Pipeline, name: str) -> Doubts:
    at = (*pipeline.at, "gemini_functions", name)
    told = _definitions(pipeline)[name]
    if not isinstance(told, dict):
        message = f"function {name!r} must be a mapping with 'description' and 'parameters'"
        yield pipeline.document.error(at, "wrong-type", message)
        return
    lacking = [repr(key) for key in ("description", "parameters") if told.get(key) is None]
    if lacking:
        message = f"function {name!r} has no {' and no '.join(lacking)}"
        yield replace(pipeline.document.error(at, "missing-key", message, key=True), at=at)
    elif not isinstance(told["parameters"], dict):
        message = f"the parameters of function {name!r} must be a JSON Schema"
        yield pipeline.document.error((*at, "parameters"), "wrong-type", message)


def _warning(visible: Visible, at: Path, code: str, message: str) -> Diagnostic:
    document = visible.pipeline.document
    return replace(document.diagnose(document.at(at), code, message, warning=True), at=at)


_LOOKS: dict[str, Callable[[Visible, Step], Doubts]] = {
    "while_loop": _endless,
    "for_loop": _no_list,
    "gemini": _functions,
    "gemini_instructor": _functions,
}
