"""A step of an older document in today's words: what `defaults` say of it, and keys renamed since.

What has no effect or is not supported is told as a warning, and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from otp_genesis.contracts.step_type import StepType
from otp_genesis.errors import did_you_mean
from otp_genesis.model.diagnostic import Diagnostic
from otp_genesis.model.document import Path
from otp_genesis.model.environment_names import in_templates, names_in
from otp_genesis.model.older_keys import PART_KEYS, STEP_KEYS, TYPE_KEYS, WITHIN_KEYS, OlderKey
from otp_genesis.model.pipeline import Pipeline, Step

_SMART = ("claude_smart", "claude_session", "claude_extract", "claude_batch", "claude_robust")
_CLAUDE = ("claude", *_SMART)
_GEMINI = ("gemini", "gemini_instructor")
_DEFAULTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "claude_preset": (_SMART, ("preset",)),
    "claude_options": (_CLAUDE, ("claude_options",)),
    "claude_output_format": (_CLAUDE, ("claude_options", "output_format")),
    "claude_model": (_CLAUDE, ("claude_options", "model")),
    "claude_fallback_model": (_CLAUDE, ("claude_options", "fallback_model")),
    "gemini_model": (_GEMINI, ("model",)),
    "gemini_token_budget": (_GEMINI, ("token_budget",)),
}
"""Which steps each speaks of, and where it says it."""
PRESETS_OF_MODES = ("development", "production", "test")
MOST_ATTEMPTS = 100
_BECOMES = {
    "no effect": ("no-effect", "has no effect"),
    "not supported": ("not-supported", "is not supported"),
}


def workflow_complaints(pipeline: Pipeline) -> Iterator[Diagnostic]:
    """Yield what is to be told of the keys within `environment` and `defaults`."""
    for outer, known in WITHIN_KEYS.items():
        said = pipeline.older.get(outer)
        for key in said if isinstance(said, dict) else ():
            at = (*pipeline.at, outer, key)
            if key in known:
                yield from _told(pipeline, at, f"{outer}.{key}", known[key])
            elif outer == "defaults":
                message = f"{outer!r} has no key {key!r}{did_you_mean(str(key), known)}"
                span = pipeline.document.at(at, key=True)
                yield pipeline.document.diagnose(span, "unknown-key", message, warning=True)


def with_environment(pipeline: Pipeline) -> Pipeline:
    """Return an older document whose `env` has the names that it reads as `${NAME}`."""
    if pipeline.strict:
        return pipeline
    written: Any = pipeline.document.data
    for key in pipeline.at:
        written = written[key]
    names = dict.fromkeys((*pipeline.env, *names_in(written)))
    return replace(pipeline, env=tuple(names), variables=in_templates(pipeline.variables))


def translated(
    pipeline: Pipeline, step: Step, kind: StepType[Any]
) -> tuple[Step, list[Diagnostic]]:
    """Return the step in today's words, and what is to be told of it."""
    if pipeline.strict:
        return step, []
    words = _Words(pipeline, step, kind)
    words.rename()
    words.leave_out()
    words.fill_in()
    return replace(step, keys=in_templates(words.keys)), words.told


def remedy(kind: str, key: str) -> str:
    """Return what to write instead of an older key of a step, where there is something."""
    older = STEP_KEYS.get(key) or TYPE_KEYS.get(kind, {}).get(key)
    return f"; {older.told}" if older and older.told else ""


class _Words:
    def __init__(self, pipeline: Pipeline, step: Step, kind: StepType[Any]):
        self.pipeline, self.step, self.kind = pipeline, step, kind
        self.keys = dict(step.keys)
        self.told: list[Diagnostic] = []

    def rename(self) -> None:
        """Read what has another name today, and leave out what does nothing."""
        for key in [key for key in self.keys if key in STEP_KEYS and not self.kind.owns(key)]:
            older, value = STEP_KEYS[key], self.keys.pop(key)
            if older.state == "works":
                self._renamed(key, value)
            self.told += _told(self.pipeline, (*self.step.at, key), key, older)

    def _renamed(self, key: str, value: Any) -> None:
        match key, value:
            case "role", str() | None:
                pass
            case "continue_on_error", bool():
                self.keys.setdefault("on_error", "continue" if value else "stop")
            case "timeout_seconds", int() | float() if value > 0 and not isinstance(value, bool):
                self.keys.setdefault("timeout_s", value)
            case "retry_count" | "max_retries", int() if 0 <= value < MOST_ATTEMPTS:
                self.keys.setdefault("attempts", int(value) + 1)
            case _:
                what = _WANTED[key]
                at = (*self.step.at, key)
                message = f"{key!r} must be {what}, not {value!r}"
                self.told.append(self.pipeline.document.error(at, "wrong-type", message))

    def leave_out(self) -> None:
        """Tell and leave out what the parameters of the type do not have."""
        for dotted, older in TYPE_KEYS.get(self.kind.name, {}).items():
            path = tuple(dotted.split("."))
            if path[0] not in self.keys or (len(path) == 1 and self.kind.owns(dotted)):
                continue
            if (left := _without(self.keys, path)) is not None:
                self.keys = left
                self.told += _told(self.pipeline, (*self.step.at, *path), path[-1], older)

        self.keys = self._without_part_keys(self.keys, self.step.at)

    def _without_part_keys(self, keys: dict[str, Any], at: Path) -> dict[str, Any]:
        """Return the keys, the prompts among them without what their parts do not have."""
        found = dict(keys)
        for key in ("prompt", "tasks", "parallel_tasks"):
            if not isinstance(keys.get(key), list):
                continue
            inner = self._part if key == "prompt" else self._without_part_keys
            found[key] = [
                inner(item, (*at, key, index)) if isinstance(item, dict) else item
                for index, item in enumerate(keys[key])
            ]
        return found

    def _part(self, part: dict[str, Any], at: Path) -> dict[str, Any]:
        known = PART_KEYS.get(str(part.get("type")), {})
        for key in part.keys() & known.keys():
            self.told += _told(self.pipeline, (*at, key), key, known[key])
        return {key: value for key, value in part.items() if key not in known}

    def fill_in(self) -> None:
        """Say what the workflow's `defaults` say and the step does not."""
        defaults = self.pipeline.older.get("defaults") or {}
        self._take_preset_of_environment(defaults)
        for name, (kinds, path) in _DEFAULTS.items():
            if self.kind.name in kinds and defaults.get(name) is not None:
                self.keys = _with_default(self.keys, path, defaults[name])
        for older, key in (("timeout_seconds", "timeout_s"), ("continue_on_error", "on_error")):
            if older in defaults and key not in self.keys and not self.kind.owns(older):
                self._renamed(older, defaults[older])

    def _take_preset_of_environment(self, defaults: Mapping[str, Any]) -> None:
        """Let the environment's mode be the preset of a step that heeds it and names none."""
        if self.kind.name != "claude_smart" or self.keys.get("environment_aware") is not True:
            return
        environment = self.pipeline.older.get("environment") or {}
        if defaults.get("claude_preset") is None and environment.get("mode") in PRESETS_OF_MODES:
            self.keys.setdefault("preset", environment["mode"])


_WANTED = {
    "role": "a text",
    "continue_on_error": "true or false",
    "timeout_seconds": "a number of seconds above 0",
    "retry_count": f"a number from 0 to {MOST_ATTEMPTS - 1}",
    "max_retries": f"a number from 0 to {MOST_ATTEMPTS - 1}",
}


def _told(pipeline: Pipeline, at: Path, key: str, older: OlderKey) -> Iterator[Diagnostic]:
    if older.state != "works":
        code, becomes = _BECOMES[older.state]
        span = pipeline.document.at(at, key=True)
        message = f"{key!r} {becomes}: {older.told}"
        yield pipeline.document.diagnose(span, code, message, warning=True)


def _without(keys: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the mapping without what is at `path`, or nothing where nothing is there."""
    first, rest = path[0], path[1:]
    if first not in keys:
        return None
    if not rest:
        return {key: value for key, value in keys.items() if key != first}
    inner = _without(keys[first], rest) if isinstance(keys[first], dict) else None
    return None if inner is None else {**keys, first: inner}


def _with_default(keys: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the mapping with `value` at `path` where nothing is said; a mapping is laid under."""
    first, rest = path[0], path[1:]
    said = keys.get(first)
    if rest:
        inner = said if said is not None else {}
        if not isinstance(inner, dict):
            return keys
        return {**keys, first: _with_default(inner, rest, value)}
    if isinstance(said, dict) and isinstance(value, dict):
        return {**keys, first: {**value, **said}}
    return {**keys, first: value} if said is None else keys
