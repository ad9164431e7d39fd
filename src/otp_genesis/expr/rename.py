"""Names of expressions, changed in their text: what is around them stays to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from otp_genesis.deferred import deferred
from otp_genesis.errors import ExpressionError

if TYPE_CHECKING:
    from jinja2 import exceptions

    from otp_genesis.expr import environment as sandbox
else:
    exceptions = deferred("jinja2.exceptions")
    sandbox = deferred("otp_genesis.expr.environment")

_WORDS = frozenset(
    (
        "and", "or", "not", "in", "is", "if", "else", "elif", "endif", "for", "endfor", "set",
        "true", "false", "none", "True", "False", "None",
    )
)  # fmt: skip
Token = tuple[int, str, str]


def renamed(source: str, names: Mapping[str, str], *, bare: bool = False) -> str:
    """Return `source` with the roots of its references replaced: `a.b` by `steps.a.b`.

    `source` holds templates, or, where it is `bare`, is one expression. Fields, filters, keyword
    arguments, texts in quotes and names that the template itself binds are left as they are.
    Raises `ExpressionError` where it cannot be read.
    """
    opening = "{{" if bare else ""
    text = f"{opening}{source}}}}}" if bare else source
    try:
        tokens: list[Token] = list(sandbox.Sandbox().lex(text))
    except exceptions.TemplateSyntaxError as error:
        raise ExpressionError(source, error.message or "wrong") from None
    bound = _bound(tokens)
    parts = [
        names[value] if kind == "name" and value in names and value not in bound and free else value
        for kind, value, free in _with_place(tokens)
    ]
    whole = "".join(parts)
    return whole[len(opening) : -2] if bare else whole


def _with_place(tokens: list[Token]) -> Iterator[tuple[str, str, bool]]:
    """Yield each token, with whether it stands where a reference begins."""
    meaningful = [token for token in tokens if token[1] != "whitespace"]
    position = 0
    for _, kind, value in tokens:
        if kind == "whitespace":
            yield kind, value, False
            continue
        before = meaningful[position - 1][2] if position else ""
        after = meaningful[position + 1][2] if position + 1 < len(meaningful) else ""
        position += 1
        keyword = after == "=" and before in ("(", ",")
        free = before not in (".", "|", "is") and value not in _WORDS and not keyword
        yield kind, value, free


def _bound(tokens: list[Token]) -> set[str]:
    """Return the names that `{% for %}` and `{% set %}` bind."""
    bound: set[str] = set()
    binding = False
    for _, kind, value in tokens:
        if kind == "name" and value in ("for", "set"):
            binding = True
        elif binding and (value in ("in", "=") or kind == "block_end"):
            binding = False
        elif binding and kind == "name":
            bound.add(value)
    return bound
