"""No expression of a document that is not strict costs much, crashes, or reaches Python."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expr.test_bounds import ATOMS, COSTLY, ESCAPES, NAMES, SECONDS, larger
from otp_genesis.errors import ExpressionError
from otp_genesis.expr import loose
from otp_genesis.expr.language import LOOSE
from otp_genesis.expr.loose_grammar import Parser
from otp_genesis.expr.loose_pattern import found
from otp_genesis.expr.loose_pattern_grammar import BadPattern
from otp_genesis.expr.loose_split import pieces
from otp_genesis.expr.loose_values import truthy
from otp_genesis.expr.scope import Scope

LONG = 2.5
WORDS = st.sampled_from(
    ["a", "b.c", "steps.x", "my-x", "'t'", '"u"', "1", "2.5", "(", ")", "[", "]", "{", "}", "{{",
     "}}", "+", "-",
     "*", "/", "%", "**", "==", "!=", "<", ">=", "=", "&&", "||", "!", "?", ":", ",", ".", "|", "~",
     "and", "or",
     "not", "in", "is", "if", "else", "contains", "matches", "between", "exists", "empty", "any",
     "length", "@",
     "upper", "default", "true", "null", "previous_response", "previous_response:a", "'", "\\", "#",
     "é", "\n"]
)  # fmt: skip
GROWING = [
    "{{ " + " ~ ".join(["steps.big", "''"] * 500) + " }}",
    "{{ any(many, 'any(many, \"@ > 5 and false\")') }}",
    "{{ steps.big matches '(x+x+)+y' }}", "{{ replace(steps.big, 'x', 'xxxx') }}",
    "{{ pow(10, 400) }}",
    "{{ " + " * ".join(["n"] * 2000) + " }}", "{{ split(steps.big, 'x') }}",
    "{{ join(many, steps.big) }}",
    "{{ now() + n * n * n }}", "{{ " + " == ".join(["many"] * 2000) + " }}",
    "{{ concat(" + ",".join(["many"] * 3000) + ") }}",
    "{{ " + "steps.big.upper()" + ".upper()" * 2000 + " }}",
    "{{ steps.big.split('x') | length }}", "{{ steps.big[0:n] ~ steps.big ~ steps.big }}",
    "{{ " + " + ".join(["steps.big"] * 9) + " }}", "{{ many | join(steps.big) }}",
]  # fmt: skip
LEAVING = [
    "{{" * 20_000, "{{ '" * 5000, "{{ [" * 5000, "{{ a{{ " * 5000 + "}}",
    "{{ " + "a-" * 5000 + "a }}",
    "{{ " + "a ? " * 2000 + "1" + " : 2" * 2000 + " }}", "{{ " + "not " * 5000 + "a }}",
    "{{ " + "(" * 5000 + "a" + ")" * 5000 + " }}", "{{ " + "many | list" * 60 + " }}",
    "{{ " + "-" * 5000 + "1 }}", "{{ " + "9" * 5000 + " }}", "{{ " + "a." * 9000 + "b }}",
    "{{ " + "x" * 20_001 + " }}", "{{ pow(2, 3)" + " + 1" * 5000 + " }}", "{{ a[" * 3000,
    "{{ any(many, '" + "(" * 500 + "') }}",
]  # fmt: skip


@pytest.mark.parametrize("source", [*COSTLY, *LEAVING], ids=lambda source: source[:40])
def test_what_has_no_bound_ends_soon(source: str) -> None:
    """It is refused, or leaves little in its place, at once."""
    began = time.perf_counter()
    try:
        value = LOOSE.fill(source, NAMES)
    except ExpressionError as error:
        value = error.reason

    assert time.perf_counter() - began < LONG
    assert len(str(value)) < 1_100_000


@pytest.mark.parametrize("source", GROWING, ids=lambda source: source[:40])
def test_what_grows_is_measured(source: str) -> None:
    """What would make or search too much is an error, and soon."""
    began = time.perf_counter()

    with pytest.raises(ExpressionError) as caught:
        LOOSE.fill(source, NAMES)
    assert time.perf_counter() - began < LONG
    assert caught.value.reason != "takes too much memory"


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_but_data_is_reached(source: str) -> None:
    """What leads to Python's objects leaves nothing, its own text, or an error."""
    before = json.dumps({name: value for name, value in NAMES.items() if name != "steps"})
    try:
        value: Any = LOOSE.fill(source, NAMES)
    except ExpressionError:
        value = ""

    assert value in ("", source) or re.fullmatch(r"\w+\(.*\)", value)
    assert before == json.dumps({name: value for name, value in NAMES.items() if name != "steps"})
    assert ["big"] == list(NAMES["steps"])


@settings(deadline=SECONDS * 1000)
@given(st.recursive(ATOMS, larger, max_leaves=12), st.sampled_from(["{{ %s }}", "%s", "x{{ %s }}"]))
def test_no_mixture_is_dear_or_a_crash(expression: str, form: str) -> None:
    """However dangerous parts are put together, it is soon data or an `ExpressionError`."""
    source = form.replace("%s", expression)
    try:
        value = LOOSE.condition(source).holds(NAMES) if form == "%s" else LOOSE.fill(source, NAMES)
    except ExpressionError as error:
        value = error.reason

    assert json.dumps(value, allow_nan=False)


@given(st.lists(WORDS, max_size=14), st.sampled_from(["", " "]))
@example(["a", "-", "b", "(", ")"], "")
@example(["@", ".", "1"], "")
def test_the_parser_raises_one_kind_of_error(words: list[str], between: str) -> None:
    """Whatever is written, it is read or it is an `ExpressionError` with a line."""
    source = between.join(words)
    raised: Exception | None = None
    try:
        Parser(source).whole()
    except ExpressionError as error:
        raised = error

    if isinstance(raised, ExpressionError):
        assert (raised.reason != "", 0 <= raised.line <= source.count("\n")) == (True, True)


@settings(deadline=SECONDS * 1000)
@given(st.text(max_size=60), st.text(alphabet="{}'\"[]%# a.\\", max_size=40))
def test_any_text_is_a_template(text: str, signs: str) -> None:
    """Any text compiles; its pieces put together are the text; without `{{` it is itself."""
    for source in (text, signs):
        assert source == "".join(piece.text for piece in pieces(source))
        compiled = loose.compile_template(source)
        if "{{" not in source and "{%" not in source:
            assert source == compiled.fill({})


DATA: dict[str, Any] = {
    "t": True, "f": False, "zero": 0, "one": 1, "big": 12.5, "neg": -3, "word": "abc", "void": "",
    "nil": None, "xs": [1, 2], "none": [], "has-minus": 1,
}  # fmt: skip
Tree = tuple[str, Any]


def leaf() -> st.SearchStrategy[Tree]:
    """A comparison of two numbers or texts, or a name, with what it gives in Python."""
    numbers = st.sampled_from(["zero", "one", "big", "neg"])
    signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    literals = st.integers(-5, 15)
    blank = st.sampled_from([" ", ""])

    def compared(name: str, sign: str, right: int, gap: str) -> Tree:
        left = DATA[name]
        value = eval(f"left {sign} right", {"left": left, "right": right})
        return f"s.{name}{gap}{sign}{gap}{right}", value

    named = st.sampled_from(sorted(DATA)).map(lambda name: (f"s.{name}", truthy(DATA[name])))
    part = st.sampled_from(["a", "bc", "x", ""]).map(
        lambda text: (f"s.word contains '{text}'", text in DATA["word"])
    )
    inside = st.integers(0, 3).map(lambda n: (f"{n} in steps.s.xs", n in DATA["xs"]))
    missing = st.just(("s.missing", False))
    return st.builds(compared, numbers, signs, literals, blank) | named | part | inside | missing


def joined(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """`and`, `or`, `not` and brackets around conditions."""
    signs = st.sampled_from([("and", all), ("or", any), ("&&", all), ("||", any)])

    def chain(sign: tuple[str, Any], parts: list[Tree]) -> Tree:
        text = f" {sign[0]} ".join(f"({text})" for text, _ in parts)
        return text, sign[1](value for _, value in parts)

    def denied(word: str, part: Tree) -> Tree:
        return f"{word}({part[0]})", not part[1]

    return st.builds(chain, signs, st.lists(inner, min_size=1, max_size=3)) | st.builds(
        denied, st.sampled_from(["not ", "!"]), inner
    )


@given(st.recursive(leaf(), joined, max_leaves=12))
def test_conditions_agree_with_python(tree: Tree) -> None:
    """A random condition, printed, holds exactly when the same is true in Python."""
    source, expected = tree
    names = Scope(steps={"s": DATA}).names()

    assert expected is loose.compile_condition(source).holds(names)
    assert expected is not loose.compile_condition({"not": [source]}).holds(names)
    assert expected is loose.compile_condition([source, {"or": [source, False]}]).holds(names)


@given(
    st.lists(st.sampled_from(["a", "b or c", "not a", "b", "c", "true"]), min_size=1, max_size=5)
)
def test_precedence(parts: list[str]) -> None:
    """`or` binds less than `and`, which binds less than `not`."""
    names = {"a": True, "b": False, "c": True}
    source = " and ".join(parts)

    assert eval(source, {**names, "true": True}) is (
        loose.compile_condition(source).holds(Scope(steps=names).names())
    )


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 99)), max_size=8), st.booleans())
def test_arithmetic_agrees_with_python(terms: list[tuple[str, int]], blanks: bool) -> None:
    """`+ - *` mean what they mean in Python, with blanks around them or without."""
    gap = " " if blanks else ""
    source = "1" + "".join(f"{gap}{sign}{gap}{number}" for sign, number in terms)

    assert eval(source) == LOOSE.fill("{{ " + source + " }}", {})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=8,
    )
)
def test_a_name_gives_what_it_names(data: Any) -> None:
    """No value is changed by being looked up."""
    scope = Scope(steps={"s": data}, state={"v": data})

    assert [data, data] == LOOSE.fill(["{{ steps.s }}", "{{ v }}"], scope.names())


PARTS = st.sampled_from(
    ["a", "b", ".", "\\d", "\\w", "[ab]", "[^a]", "\\b", "^", "$", "(a|b)", "(?:ab)", "\\s", "-",
     "\\.", "a{1,2}",
     "(b*a)", "[a-c\\d]", "x?", "(?:a*)*", "(a|)+"]
)  # fmt: skip
COUNTS = st.sampled_from(["", "", "*", "+", "?", "*?", "|"])


@given(
    st.lists(st.builds("{}{}".format, PARTS, COUNTS), max_size=5).map("".join),
    st.text(alphabet="ab1 x-.\n_", max_size=8),
)
def test_patterns_find_what_they_find_in_python(pattern: str, text: str) -> None:
    """The automaton finds what Python's own matcher finds."""
    try:
        expected = re.search(pattern, text, re.ASCII) is not None
    except re.error:
        return
    if re.search(r"[*+?}]\+", pattern):
        # Python takes it for a repetition that gives nothing back, which is refused here.
        return

    assert expected is found(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        ("(a+)+$", "a" * 50_000 + "b", False), ("(x+x+)+y", "x" * 50_000, False),
        (".*.*.*.*.*z", "a" * 50_000, False),
        ("(?i)REPORT", "a report", True), ("(?s)a.b", "a\nb", True), ("a.b", "a\nb", False),
        ("\\x41", "A", True),
        ("\\x{e9}", "é", True), ("[\\]a]", "]", True), ("[]a]", "]", True), ("[^]a]", "b", True),
        ("a{2}", "ba", False),
        ("^abc$", "line\nabc", False), ("abc$", "abc\n", True), ("abc\\z", "abc\n", False),
        ("abc\\Z", "abc\n", True),
        ("(?<year>\\d{4})", "in 2024", True), ("\\Bb", "ab", True), ("", "", True),
        ("a{,2}", "a{,2}", True), ("[\\-a]", "-", True),
        ("(?m)a$", "a\nb", True), ("\\t", "\t", True), ("[a-]", "-", True), ("a|", "b", True),
        ("^$", "", True), ("\\D", "1", False),
    ],
)  # fmt: skip
def test_patterns(pattern: str, text: str, is_found: bool) -> None:
    """What users write is found; what keeps other matchers busy is soon known."""
    began = time.perf_counter()

    assert is_found is found(pattern, text)
    assert time.perf_counter() - began < LONG


@pytest.mark.parametrize(
    ("pattern", "refused"),
    [
        ("(", False), (")", False), ("[a", False), ("*a", False), ("a\\", False), ("[b-a]", False),
        ("(?=a)", True),
        ("(a)\\1", True), ("a*+", True), ("\\p{L}", True), ("a{2000}", True),
        ("(a{1000}){1000}", True), ("a" * 1001, True),
        ("(" * 60 + ")" * 60, True), ("[[:alpha:]]", True), ("(?m)^a", True), ("a{3,2}", True),
        ("(?<!a)b", True),
    ],
)  # fmt: skip
def test_what_is_no_pattern(pattern: str, refused: bool) -> None:
    """It is told, and whether it is one that cannot be followed here."""
    with pytest.raises(BadPattern) as caught:
        found(pattern, "a")

    assert refused is caught.value.refused
