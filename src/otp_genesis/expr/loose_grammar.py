"""The grammar of expressions of documents that are not strict: text → nodes.

From the loosest to the tightest: `a ? b : c` and `b if a else c`; `or`; `and`; `not`; comparisons
(also `contains`, `matches`, `in`, `starts_with`, `ends_with`, `between a and b`, `exists`,
`empty`); `+ -`; `~`; `* / // %`; a sign; `.key`, `[index]`, `| filter`, `is test`.
"""

from __future__ import annotations

from otp_genesis.expr import loose_nodes as nodes
from otp_genesis.expr.loose_nodes import Node
from otp_genesis.expr.loose_tokens import Cursor, Token

MAX_DEPTH = 40
"""Brackets within each other."""
MAX_SIGNS = 100
"""`-` or `not` before one value."""
MAX_DIGITS = 300

WORDS: dict[str, str | bool | None] = {
    "true": True, "false": False, "null": None, "nil": None, "none": None, "None": None,
}  # fmt: skip
_RELATIONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_WORD_RELATIONS = {
    "contains": "contains", "matches": "matches", "in": "in", "starts_with": "starts_with",
    "ends_with": "ends_with", "startsWith": "starts_with", "endsWith": "ends_with",
}  # fmt: skip
_STATES = ("exists", "empty")
_RESERVED = frozenset(("and", "or", "not", "in", "is", "if", "else"))
_ENDS_A_TEST = _RESERVED | frozenset((*_WORD_RELATIONS, *_STATES, "between"))
PREVIOUS = "previous_response"


class Parser(Cursor):
    """Reads one expression; `notes` are what its author should know."""

    def __init__(self, source: str):
        super().__init__(source)
        self.depth = 0
        self.notes: list[str] = []

    def whole(self) -> Node:
        """Return the whole source as one expression; raise `ExpressionError`."""
        if self.ended:
            raise self.error("an expression is missing")
        try:
            node = self.expression()
        except RecursionError:
            raise self.error("too deeply nested") from None
        if not self.ended:
            raise self.unexpected()
        return node

    def expression(self) -> Node:
        """Read any expression."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("too deeply nested")
        start = self.now.start
        value = self._chain("or")
        if self.word("if"):
            condition = self._chain("or")
            otherwise = self.expression() if self.word("else") else nodes.Literal(start, start, "")
            value = nodes.Choice(*self.since(start), condition, value, otherwise)
        elif self.sign("?"):
            then = self.expression()
            self.must(":")
            value = nodes.Choice(start, self.now.start, value, then, self.expression())
        self.depth -= 1
        return value

    def _chain(self, word: str) -> Node:
        start = self.now.start
        values = [self._chain("and") if word == "or" else self._not()]
        while self.word(word):
            values.append(self._chain("and") if word == "or" else self._not())
        return (
            values[0] if len(values) == 1 else nodes.Chain(*self.since(start), word, tuple(values))
        )

    def _not(self) -> Node:
        start, count = self.now.start, 0
        while self.word("not"):
            count += 1
        if count > MAX_SIGNS:
            raise self.error("too deeply nested")
        value = self._comparison()
        for _ in range(2 - count % 2 if count else 0):
            value = nodes.Not(*self.since(start), value)
        return value

    def _comparison(self) -> Node:
        start = self.now.start
        value = self._sum()
        rest: list[tuple[str, Node]] = []
        while True:
            relation, wanted = self._relation()
            if relation is None:
                break
            if relation in _STATES or relation == "between":
                value = self._joined(start, value, rest)
                rest = []
                value = self._state(start, value, relation, wanted)
            elif wanted:
                rest.append((relation, self._sum()))
            else:
                value = self._joined(start, value, rest)
                rest = []
                held = nodes.Comparison(*self.since(start), value, ((relation, self._sum()),))
                value = nodes.Not(*self.since(start), held)
        return self._joined(start, value, rest)

    def _joined(self, start: int, value: Node, rest: list[tuple[str, Node]]) -> Node:
        return nodes.Comparison(*self.since(start), value, tuple(rest)) if rest else value

    def _relation(self) -> tuple[str | None, bool]:
        """Pass over a relation; return it, and whether it must hold."""
        token, wanted = self.now, True
        if token.kind == "sign" and token.value in _RELATIONS:
            self.at += 1
            return token.value, True
        if token.kind == "name" and token.value == "not":
            token, wanted = self.ahead(), False
        known = token.value in _WORD_RELATIONS or token.value in (*_STATES, "between")
        if token.kind != "name" or not known:
            return None, True
        self.at += 1 if wanted else 2
        return _WORD_RELATIONS.get(token.value, token.value), wanted

    def _state(self, start: int, value: Node, relation: str, wanted: bool) -> Node:
        if relation in _STATES:
            return nodes.Exists(*self.since(start), value, relation, wanted)
        low = self._sum()
        if self.word("and"):
            high = self._sum()
        else:
            self.notes.append("'between' needs two ends: between 1 and 5; so it never holds")
            high = nodes.Literal(low.end, low.end, None)
        node: Node = nodes.Between(*self.since(start), value, low, high)
        return node if wanted else nodes.Not(*self.since(start), node)

    def _sum(self) -> Node:
        return self._operands(("+", "-"), 0)

    def _operands(self, signs: tuple[str, ...], level: int) -> Node:
        start = self.now.start
        first = self._operand(level)
        rest: list[tuple[str, Node]] = []
        while self.now.kind == "sign" and self.now.value in signs:
            sign = self.now.value
            self.at += 1
            rest.append((sign, self._operand(level)))
        if level == 2 and self.now.kind == "sign" and self.now.value == "**":
            raise self.error("'**' is not available; write pow(x, y)")
        return nodes.Arithmetic(*self.since(start), first, tuple(rest)) if rest else first

    def _operand(self, level: int) -> Node:
        if level == 0:
            return self._operands(("~",), 1)
        if level == 1:
            return self._operands(("*", "/", "//", "%"), 2)
        return self._signed(0)

    def _signed(self, count: int) -> Node:
        start = self.now.start
        if count > MAX_SIGNS:
            raise self.error("too deeply nested")
        if self.sign("-"):
            negated = self._signed(count + 1) if self._sign_follows() else self._plain()
            value = _negative(start, negated)
        elif self.sign("+"):
            value = self._signed(count + 1)
        else:
            value = self._plain()
        return self._worked_on(start, value) if count == 0 else value

    def _sign_follows(self) -> bool:
        return self.now.kind == "sign" and self.now.value in ("-", "+")

    def _plain(self) -> Node:
        """Read a value and what stands behind it but filters and tests."""
        start = self.now.start
        value = self._primary()
        suffixes: list[nodes.Suffix] = []
        while True:
            if self.sign("["):
                suffixes.append(self._bracket())
            elif self.sign("."):
                suffixes.append(self._field())
            else:
                break
        return nodes.Suffixed(*self.since(start), value, tuple(suffixes)) if suffixes else value

    def _bracket(self) -> nodes.Suffix:
        first = None if self._at(":") else self.expression()
        if not self.sign(":"):
            self.must("]")
            assert first is not None
            return nodes.Index(first)
        last = None if self._at("]") else self.expression()
        self.must("]")
        return nodes.Slice(first, last)

    def _at(self, sign: str) -> bool:
        return self.now.kind == "sign" and self.now.value == sign

    def _field(self) -> nodes.Suffix:
        if self.now.kind != "name":
            raise self.unexpected()
        name = self.now.value
        self.at += 1
        if self.sign("("):
            return nodes.Method(name, self._arguments(")")[0])
        return nodes.Field(name)

    def _worked_on(self, start: int, value: Node) -> Node:
        """Read the filters and tests behind a value."""
        suffixes: list[nodes.Suffix] = []
        while True:
            if self.sign("|"):
                suffixes.append(self._filter())
            elif self.word("is"):
                suffixes.append(self._test())
            else:
                break
        return nodes.Suffixed(*self.since(start), value, tuple(suffixes)) if suffixes else value

    def _filter(self) -> nodes.Suffix:
        if self.now.kind != "name":
            raise self.unexpected()
        name = self.now.value
        self.at += 1
        if self.sign("("):
            return nodes.Filter(name, *self._arguments(")"))
        if name == "default" and self.sign(":"):
            return nodes.Filter(name, (self._plain(),), ())
        return nodes.Filter(name, (), ())

    def _test(self) -> nodes.Suffix:
        wanted = not self.word("not")
        if self.now.kind != "name":
            raise self.unexpected()
        name = self.now.value
        self.at += 1
        if self.sign("("):
            return nodes.Test(name, self._arguments(")")[0], wanted)
        begins = self.now.kind in ("number", "text") or self._at("[")
        if begins or (self.now.kind == "name" and self.now.value not in _ENDS_A_TEST):
            return nodes.Test(name, (self._plain(),), wanted)
        return nodes.Test(name, (), wanted)

    def _arguments(self, closing: str) -> tuple[tuple[Node, ...], tuple[tuple[str, Node], ...]]:
        """Read what stands between brackets, the closing one too."""
        given: list[Node] = []
        named: list[tuple[str, Node]] = []
        while not self.sign(closing):
            if given or named:
                self.must(closing if self.ended else ",")
                if self.sign(closing):
                    break
            token, after = self.now, self.ahead()
            if token.kind == "name" and after.kind == "sign" and after.value == "=":
                self.at += 2
                named.append((token.value, self.expression()))
            elif named:
                raise self.unexpected()
            else:
                given.append(self.expression())
        return tuple(given), tuple(named)

    def _primary(self) -> Node:
        token = self.now
        if token.kind == "name" and token.value not in _RESERVED:
            return self._named()
        self.at += 1
        if token.kind == "number":
            return nodes.Literal(token.start, token.end, self._number(token))
        if token.kind == "text":
            return nodes.Literal(token.start, token.end, token.value)
        if token.kind == "sign":
            match token.value:
                case "(":
                    return self._group(token.start)
                case "[":
                    items, named = self._arguments("]")
                    if not named:
                        return nodes.Items(*self.since(token.start), items)
                case "{":
                    return self._braced(token.start)
        self.at -= 1
        raise self.unexpected()

    def _number(self, token: Token) -> int | float:
        if len(token.value) > MAX_DIGITS:
            raise self.error(f"a number may have {MAX_DIGITS} digits at most")
        return int(token.value) if token.value.isdecimal() else float(token.value)

    def _group(self, start: int) -> Node:
        items, named = self._arguments(")")
        if named or not items:
            raise self.unexpected()
        one = len(items) == 1 and self.tokens[self.at - 2].value != ","
        return items[0] if one else nodes.Items(*self.since(start), items)

    def _braced(self, start: int) -> Node:
        """Read `{'a': b}`, or `{{ a }}` within a condition."""
        if self.sign("{"):
            value = self.expression()
            self.must("}")
            self.must("}")
            return value
        fields: list[tuple[Node, Node]] = []
        while not self.sign("}"):
            if fields:
                self.must(",")
                if self.sign("}"):
                    break
            key = self.expression()
            self.must(":")
            fields.append((key, self.expression()))
        return nodes.Fields(*self.since(start), tuple(fields))

    def _named(self) -> Node:
        token, after = self.now, self.ahead()
        if after.kind == "sign" and after.value == "(":
            self.at += 2
            given, named = self._arguments(")")
            return nodes.Call(*self.since(token.start), token.value, given, named)
        adjacent = after.start == token.end and self.ahead(2).start == after.end
        if token.value == PREVIOUS and after.value == ":" and adjacent:
            return self._previous(token.start)
        parts = self._words()
        place = self.since(token.start)
        if len(parts) > 1:
            return nodes.Hyphened(*place, parts)
        if len(parts[0]) == 1 and token.value in WORDS:
            return nodes.Literal(*place, WORDS[token.value])
        return nodes.Path(*place, parts[0][0], parts[0][1:])

    def _previous(self, start: int) -> Node:
        """Read `previous_response:STEP.a.b`, or with a colon behind the step."""
        words: list[str] = []
        self.at += 1
        while self.now.kind == "sign" and self.now.value in (":", "."):
            if self.now.start != self.tokens[self.at - 1].end or self.ahead().kind != "name":
                break
            words.append(self.ahead().value)
            self.at += 2
        return nodes.Path(*self.since(start), "steps", tuple(words))

    def _words(self) -> tuple[tuple[str, ...], ...]:
        """Read `a.b-c.d` as the words between its hyphens; blanks end it."""
        parts: list[list[str]] = [[self.now.value]]
        self.at += 1
        while self.now.kind == "sign":
            between, word, behind = self.now, self.ahead(), self.ahead(2)
            called = behind.kind == "sign" and behind.value == "("
            if called or word.kind not in ("name", "number"):
                break
            if between.value == "." and word.kind == "name":
                parts[-1].append(word.value)
            elif between.value == "-" and _touch(self.tokens[self.at - 1], between, word):
                parts.append([word.value])
            else:
                break
            self.at += 2
        return tuple(map(tuple, parts))


def _touch(before: Token, sign: Token, after: Token) -> bool:
    return before.end == sign.start and sign.end == after.start


def _negative(start: int, value: Node) -> Node:
    if isinstance(value, nodes.Literal) and type(value.value) in (int, float):
        return nodes.Literal(start, value.end, -value.value)  # type: ignore[operator]
    return nodes.Negative(start, value.end, value)
