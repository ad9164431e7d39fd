"""Templates and conditions of documents that are not strict: the language of pipeline_ex.

An unresolved name is no error here. In a condition it is nothing; in a template it leaves an empty
text (nothing, where the pipeline was given inputs and the template is the whole string), unless it
begins with `steps.`, `inputs.` or `global_vars.`: then the template stays in its text as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from otp_genesis.errors import ExpressionError
from otp_genesis.expr.loose_names import View
from otp_genesis.expr.loose_split import pieces
from otp_genesis.expr.template import MAX_SOURCE, Template
from otp_genesis.expr.template import compile_template as compile_strict

MAX_CONDITIONS = 1_000
"""Conditions within one, where it is written as lists and mappings."""
MAX_CONDITION_DEPTH = 40
Part = Callable[[View], Any]


@lru_cache(maxsize=4096)
def compile_template(source: str) -> Template:
    """Compile a string that may hold templates; raise `ExpressionError` where it is too long.

    A template that cannot be read is told in `notes` and leaves an empty text.
    """
    if len(source) > MAX_SOURCE:
        raise ExpressionError(source, f"a template may have {MAX_SOURCE} characters at most")
    if "{%" in source and (block := _with_blocks(source)) is not None:
        return block
    found = pieces(source)
    made = [_Piece(piece, source) for piece in found]
    references = tuple(reference for one in made for reference in one.references)
    notes = tuple(note for one in made for note in one.notes)
    holding = [one for one, piece in zip(made, found, strict=True) if piece.expression is not None]
    around = [piece.text for piece in found if piece.expression is None]
    if len(holding) == 1 and not "".join(around).strip():
        return Template(source, references, _whole(holding[0], found, source), notes)
    return Template(source, references, _mixed(made, source), notes)


def _with_blocks(source: str) -> Template | None:
    """Return a template with `{% %}`, which is Jinja's; nothing where Jinja cannot read it."""
    try:
        return compile_strict(source, forgiving=True)
    except ExpressionError as error:
        if "{{" in source or error.reason:
            plain = compile_pieces(source)
            note = f"not a block of a template, so it is text: {error.reason}"
            return replace(plain, notes=(*plain.notes, note))
        raise
