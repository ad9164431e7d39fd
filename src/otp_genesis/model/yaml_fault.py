"""What makes a text no YAML, told in its author's words instead of the parser's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred

if TYPE_CHECKING:
    import yaml
    from yaml import reader
else:
    yaml = deferred("yaml")
    reader = deferred("yaml.reader")

_TWO_COLONS = re.compile(r"[\s-]*[^\s:#'\"][^:#]*:\s+\S")
"""A key, and a value that has begun."""
_VALUE = re.compile(r"(?:\s|- )*[^\s:#'\"{\[][^:#]*:\s+(?P<value>[{\['\"])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NO_START = {
    "\t": "a tab indents this line; indent with blanks",
    "@": "a value cannot start with '@'; put it in quotes",
    "`": "a value cannot start with '`'; put it in quotes",
    "%": "a value cannot start with '%'; put it in quotes",
}
_TEMPLATE = "a value that starts with '{{' must stand in quotes: \"{{ … }}\""


def yaml_fault(text: str, error: yaml.YAMLError) -> tuple[str, int]:
    """Return what is wrong with `text`, which the parser refused, and the character it is at."""
    if isinstance(error, reader.ReaderError):
        return _unreadable(text, str(error).splitlines()[0])
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error).splitlines()[0], 0
    first, last = error.context_mark, error.problem_mark
    at = last.index if last else 0
    opened = first.index if first else at
    problem, context = error.problem or "", error.context or ""
    if "tab character" in problem or text[at : at + 1] == "\t":
        return _NO_START["\t"], at
    if "expected a single document" in context:
        return f"{context}: here another begins; give it a file of its own", at
    if "flow" in context:
        return _in_brackets(text, opened, at)
    if "quoted scalar" in context:
        return "the quote that opens here is never closed", opened
    return _by_words(text, problem, at, opened) or (
        " ".join(filter(None, (context, problem))),
        at,
    )


def _by_words(text: str, problem: str, at: int, opened: int) -> tuple[str, int] | None:
    if "mapping values are not allowed" in problem:
        return _second_colon(text, at)
    if "expected '-' indicator" in problem:
        message = "wrong indentation, or a missing '-': here the list's next item should begin"
        return message, at
    if "expected key" in problem:
        return _no_key(text, at)
    if "cannot start any token" in problem:
        return _NO_START.get(text[at : at + 1], "a value cannot start so; put it in quotes"), at
    if "undefined alias" in problem:
        name = re.split(r"[\s,\]}]", text[at + 1 : at + 60], maxsplit=1)[0]
        message = f"no '&{name}' stands before this; quote a text that starts with '*'"
        return message, at
    if "could not find expected ':'" in problem:
        return "neither 'key: value' nor '- item'; a ':' with a blank behind it is missing", opened
    return None


def _unreadable(text: str, said: str) -> tuple[str, int]:
    found = _CONTROL.search(text)
    if found is None:
        return said, 0
    code = f"unacceptable character #x{ord(found[0]):04x}"
    return f"{code}; is this a text file, saved as UTF-8?", found.start()


def _line_before(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : at]


def _second_colon(text: str, at: int) -> tuple[str, int]:
    before = _line_before(text, at)
    if _TWO_COLONS.match(before):
        return "a value with ': ' in it must stand in quotes", at
    indent = len(before) - len(before.lstrip(" -"))
    start = at - len(before)
    above = text[:start].rstrip().rpartition("\n")[2]
    if indent <= len(above) - len(above.lstrip(" -")):
        return "a ':' that no key stands before; put the text around it in quotes", at
    message = (
        "wrong indentation: this line starts deeper than the line before it, which has a value"
    )
    return message, start + indent


def _no_key(text: str, at: int) -> tuple[str, int]:
    before = _line_before(text, at)
    value = _VALUE.match(before)
    if value is None:
        return "wrong indentation: no key of the mapping around it starts in this column", at
    start = at - len(before) + value.start("value")
    if text.startswith("{{", start):
        return _TEMPLATE, start
    if value["value"] in "{[":
        return f"a value that starts with {value['value']!r} must stand in quotes", start
    return "text behind a closing quote; put the whole value in one pair of quotes", at


def _in_brackets(text: str, opened: int, at: int) -> tuple[str, int]:
    around = text[max(opened - 1, 0) : opened + 2]
    if "{{" in around:
        return _TEMPLATE, max(opened - 1, 0) + around.index("{{")
    bracket = text[opened : opened + 1]
    closing = {"[": "]", "{": "}"}.get(bracket)
    if closing is None and not text[at:].strip():
        return "the text ends within brackets that are never closed", at
    if closing is None:
        return "a value, or a closing bracket, is missing here", at
    if not text[at:].strip():
        return f"the {bracket!r} that opens here is never closed", opened
    line = text.count("\n", 0, opened) + 1
    return f"a ',' or the {closing!r} of the {bracket!r} in line {line} is missing before this", at
