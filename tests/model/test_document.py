"""YAML and JSON as plain data with places, whatever is in the text."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import GenesisError, InvalidDocument
from otp_genesis.model.document import read_document

PRINTABLE = st.characters(
    exclude_categories=["Cs", "Cc"], exclude_characters="\x7f\ufeff\ufffe\uffff\u2028\u2029"
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(PRINTABLE, max_size=20)
    | st.sampled_from(["on", "no", "012", "1e3", "0x1f", "~", "<<", "- a", "{{ x }}", "😀", "a: b"])
)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(PRINTABLE, max_size=12), inner, max_size=4)
    ),
    max_leaves=20,
)


class Quoting(yaml.SafeDumper):
    """Puts every text in quotes, as who writes YAML by program must."""


Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def first_complaint(text: str) -> str:
    """Return what is said of a text, whether it can be read or not."""
    try:
        return str(read_document(text).complaints[0])
    except InvalidDocument as error:
        return str(error.diagnostics[0])


@given(DATA)
def test_json_reads_back(data: Any) -> None:
    """A JSON document is read as JSON reads it, also with the escapes that YAML does not have."""
    for ascii_only in (True, False):
        document = read_document(json.dumps(data, ensure_ascii=ascii_only))

        assert document.data == data
        assert document.complaints == ()


@given(DATA)
def test_quoted_yaml_reads_back(data: Any) -> None:
    """Data dumped as YAML with its strings quoted comes back as it was."""
    text = yaml.dump(data, Dumper=Quoting, allow_unicode=True)

    assert read_document(text).data == data


@given(st.text(max_size=200))
def test_no_text_is_a_crash(text: str) -> None:
    """Whatever the text is, it is read or refused."""
    with suppress(GenesisError):
        read_document(text)


@given(st.text(alphabet="ab:-[]{}&*<!|>?#'\"\n \t%@`0.", max_size=60))
def test_no_yaml_is_a_crash(text: str) -> None:
    """Nor is any mixture of the signs that mean something in YAML."""
    with suppress(GenesisError):
        read_document(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("on", "on"), ("no", "no"), ("yes", "yes"), ("Off", "Off"), ("true", True),
        ("False", False), ("~", None), ("", None), ("null", None), ("012", 12), ("0o17", 15),
        ("0x1F", 31), ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("+7", 7), ("-3", -3),
        ("1_000", "1_000"), ("1:30", "1:30"), ("2020-01-01", "2020-01-01"), ("'012'", "012"),
        ('"1"', "1"), ("0b11", "0b11"), ("1.2.3", "1.2.3"), (".inf", math.inf), ("=", "="),
        ("ä", "ä"), ("9" * 401, "9" * 401), ("0x" + "f" * 6000, "0x" + "f" * 6000),
        ("0o" + "7" * 6000, "0o" + "7" * 6000),
    ],
)  # fmt: skip
def test_words_of_yaml_1_2(written: str, read: Any) -> None:
    """Plain words are what the core schema of YAML 1.2 says."""
    data = read_document(f"key: {written}").data

    assert data == {"key": read}
    assert type(data["key"]) is type(read)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "3:1: error[duplicate-key]: key 'a' is given twice; it stands in"),
        ("{\n'a': {'b': 1, 'b': 2}}", "2:15: error[duplicate-key]: key 'b' is given twice"),
        ("a:\n\t- b", "2:1: error[yaml]"),
        ("a: [1, 2", "error[yaml]"),
        ("a: @x", "1:4: error[yaml]"),
        ("a: 1\n---\nb: 2", "2:1: error[yaml]: expected a single document"),
        ("a: \0", "error[yaml]: unacceptable character #x0000"),
        ("a: b\nc: \ud800", "2:4: error[yaml]: half a character"),
        ("a: &x [*x]", "1:4: error[alias]: an alias stands inside what it repeats"),
        ("a: &x {<<: *x}", "1:4: error[alias]"),
        ("a: {<<: [1]}", "1:10: error[merge]"),
        ("? [a]\n: 1", "1:3: error[key]"),
        ("a: !!python/object:os.system x", "1:4: error[tag]"),
        ("a: !mine x", "1:4: error[tag]"),
        ("a: " + "[" * 300 + "]" * 300, "error[too-deep]: more than 200 levels deep"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_yaml(text: str, said: str) -> None:
    """Each flaw is told with its line and column."""
    assert said in first_complaint(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "[" * 100_000 + "]" * 100_000,
        "{a: " * 100_000,
        "- " * 50_000,
        "? " * 50_000,
        "\n".join(" " * depth + "a:" for depth in range(3000)),
    ],
    ids=["open", "closed", "maps", "dashes", "keys", "indented"],
)
def test_no_depth_overruns_the_stack(text: str) -> None:
    """What is nested deeper than the C stack is refused before it is composed."""
    assert "error[" in first_complaint(text)


@pytest.mark.parametrize("line", ["{new}: &{new} [{ten}]", "{new}: &{new} {{<<: [{ten}]}}"])
def test_aliases_do_not_blow_up(line: str) -> None:
    """An alias bomb is told, and costs nothing."""
    text = "a: &a {k: 1, l: 2}\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True):
        text += line.format(new=new, ten=",".join([f"*{old}"] * 9)) + "\n"

    assert "error[alias-bomb]" in first_complaint(text)


def test_merge_keys() -> None:
    """`<<` merges; what is written beside it, and what is merged first, wins."""
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: [*b, *m], x: 0}\n'<<': 5"

    assert read_document(text).data["one"] == {"x": 0, "y": 2, "z": 4}
    assert read_document(text).data["<<"] == 5


@pytest.mark.parametrize("text", ["a: 1\r\nb: 2\r\n", "\ufeffa: 1\nb: 2\n", "a: 1\rb: 2"])
def test_line_ends_and_marks(text: str) -> None:
    """Line ends of every system, and a byte order mark, are no part of the data."""
    assert read_document(text).data == {"a": 1, "b": 2}


@pytest.mark.parametrize(("text", "data"), [("", None), ("# nothing", None), ("- a", ["a"])])
def test_other_roots(text: str, data: Any) -> None:
    """An empty text is nothing, a list a list; what that means is the reader's affair."""
    assert read_document(text).data == data


def test_places_count_characters() -> None:
    """Umlauts, wide characters and characters beyond U+FFFF count one column each."""
    text = "ä: {größe: 1, 漢字: 2, 😀: three}\n"
    document = read_document(text)
    span = document.at(("ä", "😀"))

    assert (span.line, span.column) == (1, 25)
    assert text[span.start : span.end] == "three"


@given(
    st.dictionaries(st.text("abcä漢😀", min_size=1, max_size=5), SCALARS, min_size=1, max_size=6)
)
def test_every_value_is_found_where_it_stands(data: dict[str, Any]) -> None:
    """The text at the place of a value, read alone, is that value."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    document = read_document(text)

    for key, value in data.items():
        span = document.at((key,))
        assert json.loads(text[span.start : span.end]) == value
        assert text.splitlines()[span.line - 1][span.column - 1 :].startswith(text[span.start])
