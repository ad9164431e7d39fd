"""Templates and conditions of documents that are not strict: the language of pipeline_ex.

An unresolved name is no error here. In a condition it is nothing; in a template it leaves an empty
text (nothing, where the pipeline was given inputs and the template is the whole string), unless it
begins with `steps.`, `inputs.` or `global_vars.`: then the template stays in its text as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from otp_genesis.errors import ExpressionError, GenesisError
from otp_genesis.expr import loose_values as values
from otp_genesis.expr.bounds import MAX_TEXT
from otp_genesis.expr.loose_compile import Compiler, Evaluate
from otp_genesis.expr.loose_names import View
from otp_genesis.expr.loose_piece import LACKING, CompiledPiece
from otp_genesis.expr.loose_split import Piece, pieces
from otp_genesis.expr.loose_values import TooMuch
from otp_genesis.expr.template import (
    MAX_SOURCE,
    Condition,
    Names,
    Note,
    Reference,
    Template,
    conditions_in,
)
from otp_genesis.expr.template import compile_forgiving as compile_blocks

MAX_PARTS = 1_000
"""Conditions within one, where it is written as lists and mappings."""
MAX_DEPTH = 40
_WORDS = ("and", "or", "not")


@lru_cache(maxsize=4096)
def compile_template(source: str) -> Template:
    """Compile a string that may hold templates; raise `ExpressionError` where it is too long.

    A template that cannot be read is told in `notes` and leaves an empty text. One with `{% %}` is
    Jinja's, with forgiving names; where Jinja cannot read it, its blocks are text.
    """
    if len(source) > MAX_SOURCE:
        raise ExpressionError(source, f"a template may have {MAX_SOURCE} characters at most")
    if "{%" not in source:
        return _compile_pieces(source)
    try:
        return compile_blocks(source)
    except ExpressionError as error:
        plain = _compile_pieces(source)
        note = Note(f"'{{%' stays as it is: {error.reason}", "{%")
        return replace(plain, notes=(*plain.notes, note))


def _compile_pieces(source: str) -> Template:
    found = pieces(source)
    made = [CompiledPiece(piece) for piece in found if piece.expression is not None]
    references = tuple(reference for one in made for reference in one.references)
    notes = tuple(note for one in made for note in one.notes)
    around = "".join(piece.text for piece in found if piece.expression is None)
    if len(made) == 1 and not around.strip():
        return Template(source, references, _whole(made[0], found, source), notes)
    return Template(source, references, _mixed(made, found, source), notes)


def _whole(piece: CompiledPiece, found: list[Piece], source: str) -> Callable[[Names], Any]:
    """Return how a string that is one template is filled: the type of its value is kept."""
    index = next(i for i, one in enumerate(found) if one.expression is not None)
    before, after = (
        "".join(one.text for one in some) for some in (found[:index], found[index + 1 :])
    )

    def fill(names: Names) -> Any:
        view = View(names)
        try:
            value = piece.read(view)
        except Exception as error:
            raise told(source, error) from None
        if value is LACKING:
            return None if view.scope.inputs else before + after
        return f"{before}{value}{after}" if isinstance(value, str) else values.settled(value)

    return fill


def _mixed(made: list[CompiledPiece], found: list[Piece], source: str) -> Callable[[Names], str]:
    """Return how templates within other text are filled."""
    compiled = iter(made)
    parts = [one.text if one.expression is None else next(compiled) for one in found]

    def fill(names: Names) -> str:
        view = View(names)
        texts = []
        size = 0
        try:
            for part in parts:
                text = part if isinstance(part, str) else values.text(part.read(view))
                size += len(text)
                if size > MAX_TEXT:
                    raise TooMuch(f"the text would have more than {MAX_TEXT} characters")
                texts.append(text)
        except Exception as error:
            raise told(source, error) from None
        return "".join(texts)

    return fill


def compile_condition(written: Any) -> Condition:
    """Compile a condition: a text, true, false, nothing, a list of which all must hold, or a
    mapping with `and`, `or` or `not`. Raise `ExpressionError`.
    """
    if isinstance(written, str):
        return _compile_text(written)
    source = json.dumps(written, ensure_ascii=False, default=str)
    parts = [_compile_text(text) for _, text in conditions_in(written)]
    if len(parts) > MAX_PARTS:
        raise ExpressionError(source, f"more than {MAX_PARTS} conditions within one")
    references = tuple(reference for part in parts for reference in part.references)
    notes = tuple(note for part in parts for note in part.notes)
    return Condition(source, references, _combined(written, source, 0), notes)


def _combined(written: Any, source: str, depth: int) -> Callable[[Names], bool]:
    if depth > MAX_DEPTH:
        raise ExpressionError(source, "too deeply nested")
    match written:
        case None | True:
            return lambda names: True
        case False:
            return lambda names: False
        case str():
            return _compile_text(written).holds
        case list():
            parts = [_combined(one, source, depth + 1) for one in written]
            return lambda names: all(holds(names) for holds in parts)
        case dict():
            return _of_mapping(written, source, depth)
    raise ExpressionError(source, "a condition is an expression, or true or false")


def _of_mapping(written: dict[str, Any], source: str, depth: int) -> Callable[[Names], bool]:
    word = next((one for one in _WORDS if one in written), None)
    if word is None or set(written) - set(_WORDS):
        strange = next((key for key in written if key not in _WORDS), None)
        found = f", not {strange!r}" if strange is not None else ""
        raise ExpressionError(source, f"a condition has one key: 'and', 'or' or 'not'{found}")
    inner = written[word]
    if word == "not":
        held = _combined(inner, source, depth + 1)
        return lambda names: not held(names)
    parts = [
        _combined(one, source, depth + 1) for one in (inner if isinstance(inner, list) else [inner])
    ]
    if word == "and":
        return lambda names: all(holds(names) for holds in parts)
    return lambda names: any(holds(names) for holds in parts)


@lru_cache(maxsize=4096)
def _compile_text(source: str) -> Condition:
    """Compile a condition that is one expression, with or without `{{ }}` around it."""
    if not source.strip():
        note = Note("an empty condition never holds", "")
        return Condition(source, (), lambda names: False, (note,))
    try:
        compiler = Compiler(source, condition=True)
        value: Evaluate = compiler.value(compiler.node)
    except Exception as error:
        raise told(source, error) from None
    truthy = values.truthy

    def holds(names: Names) -> bool:
        try:
            return truthy(value(View(names)))
        except Exception as error:
            raise told(source, error) from None

    references: tuple[Reference, ...] = tuple(compiler.references)
    notes = tuple(Note(message, source.strip()) for message in compiler.notes)
    return Condition(source, references, holds, notes)


def told(source: str, error: Exception) -> ExpressionError:
    """Return what an evaluation raised as `ExpressionError`."""
    if isinstance(error, ExpressionError):
        return error
    if isinstance(error, GenesisError):
        return ExpressionError(source, str(error))
    if isinstance(error, RecursionError):
        return ExpressionError(source, "too deeply nested")
    if isinstance(error, MemoryError):
        return ExpressionError(source, "takes too much memory")
    return ExpressionError(source, str(error) or type(error).__name__)
