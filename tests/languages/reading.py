"""What files say, as short rows."""

from __future__ import annotations

import textwrap

from otp_genesis.languages.facts import Definition, FileFacts
from otp_genesis.languages.table import read


def facts(path: str, text: str, *names: str) -> FileFacts:
    """Return the facts of a text, its common indentation taken away."""
    return read(path, textwrap.dedent(text).lstrip("\n"), frozenset(names))


def row(one: Definition) -> str:
    """Return `line kind name`, with `-` before what is not public."""
    return f"{one.line} {one.kind} {'' if one.public else '-'}{one.full}"


def rows(path: str, text: str) -> list[str]:
    """Return a row for each definition."""
    return [row(one) for one in facts(path, text).definitions]


def one(path: str, text: str, name: str) -> Definition:
    """Return the one definition of a name."""
    (found,) = [each for each in facts(path, text).definitions if name in (each.name, each.full)]
    return found


def imports(path: str, text: str) -> list[str]:
    """Return `line kind target` of each import."""
    return [f"{one.line} {one.kind} {one.target}" for one in facts(path, text).imports]


def exports(path: str, text: str) -> list[str]:
    """Return the names that a file says it exports."""
    return [one.name for one in facts(path, text).exports or ()]
