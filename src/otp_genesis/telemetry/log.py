"""Events as records of the standard `logging`; lines of JSON or text.

Importing this configures nothing. Prompts, answers, outputs and the arguments of commands are not
logged; what an error says is, in one line, shortened.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TextIO

from otp_genesis.errors import EnvironmentLacks
from otp_genesis.model.event import Event, RunFinished, StepFinished
from otp_genesis.telemetry.observer import Observer, one_line

PACKAGE_LOGGER = "otp_genesis"
RUN_LOGGER = "otp_genesis.run"
FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "run_started": ("resumed", "pid"),
        "step_started": ("type",),
        "step_finished": ("type", "status", "duration_s", "replayed"),
        "noted": (),
        "model_called": (
            "provider", "model", "duration_s", "input_tokens", "output_tokens", "cost_usd",
            "strategy", "hop", "passed_over", "session", "requests",
        ),
        "model_said": ("provider", "what", "tool", "failed"),
        "replayed": ("cassette",),
        "provider_health": ("provider", "state", "reason", "until"),
        "command_ran": ("program", "exit_code", "duration_s"),
        "warned": ("code",),
        "plugin_changed": ("name", "status", "reason"),
        "task_crashed": ("name", "restart_in_s"),
        "registry_observed": (
            "registry", "size", "generation", "lookups", "failures", "quarantined",
        ),
        "answered": ("by",),
        "run_finished": ("status",),
    }
)  # fmt: skip
"""Which fields of an event are logged, by its kind; no other is."""

_MESSAGES: Mapping[str, str] = {
    "run_started": "run started",
    "run_started resumed": "run taken up again",
    "step_started": "{type} step started",
    "step_finished": "{type} step {status} in {duration_s:.3f} s",
    "step_finished replayed": "{type} step {status}, from the journal",
    "noted": "at work",
    "model_called": "provider {provider} answered in {duration_s:.3f} s",
    "model_called failed": "provider {provider} failed after {duration_s:.3f} s",
    "model_said": "provider {provider}: {what}",
    "replayed": "answers replayed from {cassette}",
    "provider_health": "provider {provider} is {state}",
    "command_ran": "{program} ended with exit code {exit_code} in {duration_s:.3f} s",
    "warned": "warning {code}",
    "plugin_changed": "plugin {name} {status}",
    "task_crashed": "background task {name} crashed, starts again in {restart_in_s:.1f} s",
    "registry_observed": "registry of {registry}s: {size} entries, {lookups} lookups",
    "answered": "answered by {by}",
    "run_finished": "run {status}",
}
_LEVELS: Mapping[str, int] = {
    "run_finished failed": logging.ERROR,
    "run_finished cancelled": logging.WARNING,
    "run_finished interrupted": logging.WARNING,
    # A step's failure is an error only where it ends the run, and then the run tells it.
    "step_finished failed": logging.WARNING,
    "model_called failed": logging.WARNING,
    "provider_health open": logging.WARNING,
    "provider_health unavailable": logging.WARNING,
    "plugin_changed quarantined": logging.WARNING,
    "task_crashed failed": logging.WARNING,
    "warned": logging.WARNING,
    "step_finished replayed": logging.DEBUG,
    "step_started": logging.DEBUG,
    "noted": logging.DEBUG,
    "command_ran": logging.DEBUG,
    "model_said": logging.DEBUG,
    "registry_observed": logging.DEBUG,
}
_OWNER = "_telemetry"
_CORRELATION = ("run", "step", "event")
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message", "asctime", "taskName", "data", _OWNER, *_CORRELATION,
}  # fmt: skip
_ALWAYS = ("ts", "level", "logger", "message")
_DEEPEST = 8


def event_log(owner: object = None) -> Observer:
    """Return an observer that turns events into records on the logger `otp_genesis.run`.

    Each has `run`, `step`, `event` (its kind) and `data` as extra fields. The handlers are the
    caller's, except for those that `open_log` makes: they take records of their `owner` alone.
    """
    logger = logging.getLogger(RUN_LOGGER)

    def observe(run_id: str, event: Event) -> None:
        state = _state(event)
        level = _LEVELS.get(state) or _LEVELS.get(event.kind) or logging.INFO
        if not logger.isEnabledFor(level):
            return
        fields = _fields(event)
        template = _MESSAGES.get(state) or _MESSAGES.get(event.kind) or event.kind
        message = ": ".join(filter(None, (template.format_map(fields), _reason(event))))
        extra = {
            "run": run_id, "step": fields.get("path"), "event": event.kind, _OWNER: owner,
            "data": {
                name: value
                for name in FIELDS.get(event.kind, ())
                if (value := fields[name]) not in (None, "", {})
            },
        }  # fmt: skip
        record = logger.makeRecord(
            logger.name, level, "(event)", 0, message, (), None, extra=extra
        )  # fmt: skip
        record.created = event.at
        logger.handle(record)

    return observe


def _state(event: Event) -> str:
    """Return the event's kind with how it went, as the tables above name it."""
    if getattr(event, "replayed", False):
        return f"{event.kind} replayed"
    if getattr(event, "resumed", False):
        return f"{event.kind} resumed"
    state = getattr(event, "status", None) or getattr(event, "state", None)
    if state is None and getattr(event, "error", None):
        state = "failed"
    return f"{event.kind} {state}" if state else event.kind


def _fields(event: Event) -> dict[str, Any]:
    fields = dict(vars(event))
    if event.kind == "model_called":
        fields |= vars(event.usage)
    elif event.kind == "command_ran":
        # Arguments hold what they like: only the program's name is told.
        fields["program"] = Path(event.argv[0]).name if event.argv else "?"
    return fields


def _reason(event: Event) -> str:
    """Return why it is so; a question is not told, it may quote what a step gave."""
    if isinstance(event, StepFinished | RunFinished) and event.status == "suspended":
        return "it waits for an answer"
    for name in ("error", "message", "reason"):
        if text := getattr(event, name, None):
            return one_line(str(text))
    return ""


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII; it raises for no record, however odd its values.

    Keys: `ts` (RFC 3339, UTC, ms), `level`, `logger`, `message`; where there is any, `run`, `step`
    and `event`, `data` (the record's `data` and its other extra fields), `exception`, `stack`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, without its end."""
        given = vars(record)
        entry: dict[str, Any] = {
            "ts": timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **{name: given.get(name) for name in _CORRELATION},
        }
        data = _plain(given.get("data"))
        others = {name: one for name, one in given.items() if name not in _OF_EVERY_RECORD}
        if others:
            data = {**(data if isinstance(data, dict) else {"data": data}), **others}
        entry |= {"data": data, "exception": self._exception(record), "stack": record.stack_info}
        plain = {name: _plain(value) for name, value in entry.items()}
        kept = {
            name: one for name, one in plain.items() if name in _ALWAYS or one not in (None, "", {})
        }
        return json.dumps(kept)

    def _exception(self, record: logging.LogRecord) -> str | None:
        try:
            told = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        # A record that was made by hand may hold anything here.
        except Exception:
            told = _text(record.exc_info)
        return None if told == "NoneType: None" else told


class TextFormatter(logging.Formatter):
    """`TIME LEVEL [RUN STEP] message`, for people; an exception follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines."""
        place = " ".join(_text(one) for name in ("run", "step") if (one := vars(record).get(name)))
        told = super().format(record)
        shown = f" [{place}]" if place else ""
        return f"{timestamp(record.created)} {record.levelname:<7}{shown} {told}"


def timestamp(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC with ms, the present for what is none."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        moment = datetime.now(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    # A wrong format string must not lose the record.
    except Exception:
        return f"{_text(record.msg)} {_text(record.args)}"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<unprintable {type(value).__name__}>"


def _plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as JSON can hold it."""
    try:
        match value:
            case None | bool() | str():
                return value
            case int() if -(2**63) <= value < 2**64:
                return value
            case float() if math.isfinite(value):
                return value
            case Mapping() if depth < _DEEPEST:
                return {_text(key): _plain(one, depth + 1) for key, one in value.items()}
            case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
                return [_plain(one, depth + 1) for one in value]
    # A stranger's mapping may fail while it is read.
    except Exception:
        return f"<unprintable {type(value).__name__}>"
    return _text(value)


class _Handler(logging.Handler):
    """Writes to a file, or to whatever stderr is at the time: a live display replaces it."""

    def __init__(self, file: TextIO | None, restored_level: int):
        super().__init__()
        self.file, self.restored_level = file, restored_level

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = self.file or sys.stderr
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        # Told on stderr, unless that is what fails: a run must not end because of its log.
        with suppress(Exception):
            super().handleError(record)


def open_log(
    style: Literal["text", "json"], level: str, file: str | None
) -> tuple[Observer, Callable[[], None]]:
    """Put a handler on the logger `otp_genesis`; return the observer, and what takes it off.

    `level` is a name of `logging` in small letters. The file is added to. Raises
    `EnvironmentLacks` where it cannot be opened.
    """
    logger = logging.getLogger(PACKAGE_LOGGER)
    ours = [one for one in logger.handlers if isinstance(one, _Handler)]
    handler = _Handler(
        _opened(file) if file else None, ours[0].restored_level if ours else logger.level
    )
    handler.setLevel(level.upper())
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    handler.addFilter(lambda record: vars(record).get(_OWNER, handler) is handler)
    logger.addHandler(handler)
    _set_level(logger, handler.restored_level)

    def close() -> None:
        logger.removeHandler(handler)
        _set_level(logger, handler.restored_level)
        handler.close()
        if handler.file is not None:
            handler.file.close()

    return event_log(handler), close


def _set_level(logger: logging.Logger, restored: int) -> None:
    """Let through what any of our handlers wants; without one it is as it was."""
    wanted = [one.level for one in logger.handlers if isinstance(one, _Handler)]
    before = restored or logging.getLogger().level
    logger.setLevel(min(before, *wanted) if wanted else restored)


def _opened(file: str) -> TextIO:
    try:
        # What no encoding has is written as JSON writes it.
        return Path(file).open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        why = f"cannot write the log to {file}: {error.strerror or error}"
        raise EnvironmentLacks(f"{why}; mend `log_file` in the section [telemetry]") from None
