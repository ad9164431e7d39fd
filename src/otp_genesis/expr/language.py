"""The two languages of expressions: of strict documents, and of those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otp_genesis.deferred import deferred
from otp_genesis.errors import ExpressionError
from otp_genesis.expr import template as strict_language
from otp_genesis.expr.template import Condition, Names, Template, has_template

if TYPE_CHECKING:
    from otp_genesis.expr import loose as loose_language
else:
    loose_language = deferred("otp_genesis.expr.loose")


@dataclass(frozen=True)
class Language:
    """How templates and conditions of a document are compiled; each raises `ExpressionError`."""

    strict: bool
    template: Callable[[str], Template]
    condition: Callable[[Any], Condition]

    def fill(self, value: Any, names: Names) -> Any:
        """Return `value` with every template in it filled."""
        match value:
            case str():
                return self.template(value).fill(names) if has_template(value) else value
            case dict():
                return {key: self.fill(item, names) for key, item in value.items()}
            case list() | tuple():
                return [self.fill(item, names) for item in value]
        return value


def _strict_condition(written: Any) -> Condition:
    if not isinstance(written, str):
        raise ExpressionError(str(written), "a condition is an expression, or true or false")
    return strict_language.compile_condition(written)


def _loose_template(source: str) -> Template:
    return loose_language.compile_template(source)


def _loose_condition(written: Any) -> Condition:
    return loose_language.compile_condition(written)


STRICT = Language(True, strict_language.compile_template, _strict_condition)
LOOSE = Language(False, _loose_template, _loose_condition)


def language(*, strict: bool) -> Language:
    """Return the language of documents that say so of themselves."""
    return STRICT if strict else LOOSE
