"""CSV, YAML, JSON and XML, each into any other."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import UsageError
from otp_genesis.steps.converting import Options, as_csv, converted, read_as, written_as

ROWS = [{"name": 'Åsa, "A"', "n": "1"}, {"name": "two\nlines", "n": ""}]


@pytest.mark.parametrize(("source", "target"), list(permutations(("csv", "json", "yaml"), 2)))
def test_rows_go_from_any_form_to_any(source: Any, target: Any) -> None:
    """Texts with quotes, line ends and letters of any kind come out as they went in."""
    text = written_as(ROWS, source)
    form: Any = f"{source}_to_{target}"

    assert ROWS == read_as(converted(text, form), target)


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        ("csv_to_json", '\ufeffa, b\r\n1,"x ""y"""\r\n', '[{"a": "1", "b": "x \\"y\\""}]'),
        ("csv_to_json", "a,b\n\n1\n", '[{"a": "1", "b": null}]'),
        ("csv_to_json", "", "[]"),
        ("csv_to_yaml", "é\nä\n", "- é: ä\n"),
        ("json_to_csv", '[["é", null], [1.5, true]]', "é,\n1.5,true\n"),
        ("json_to_csv", '[{"a": {"b": [1]}}]', 'a\n"{""b"": [1]}"\n'),
        ("yaml_to_json", "- é\n- [1, null]\n", '["é", [1, null]]'),
        ("json_to_yaml", '{"é": null}', "é: null\n"),
        ("xml_to_json", "<?xml version='1.0'?><a x='1'><b>é</b><b/></a>",
         '{"a": {"@x": "1", "b": ["é", null]}}'),
        ("xml_to_yaml", "<a> <b>1</b> </a>", "a:\n  b: '1'\n"),
        ("json_to_xml", '{"a": {"@x": 1, "b": ["é", true, null], "#text": "t"}}',
         '<a x="1">\n  <b>é</b>\n  <b>true</b>\n  <b></b>\nt</a>\n'),
        ("json_to_xml", '[{"n": 1}, 2]', "<root>\n  <item>\n    <n>1</n>\n  </item>\n"
         "  <item>2</item>\n</root>\n"),
        ("json_to_xml", '{"a": 1, "b": "<&>"}',
         "<root>\n  <a>1</a>\n  <b>&lt;&amp;&gt;</b>\n</root>\n"),
        ("json_to_xml", "5", "<root>5</root>\n"),
        ("csv_to_xml", "a\n1\n", "<root>\n  <item>\n    <a>1</a>\n  </item>\n</root>\n"),
        ("yaml_to_csv", "- {a: 1}\n- {b: 2}\n", "a,b\n1,\n,2\n"),
    ],
)  # fmt: skip
def test_conversions(form: Any, before: str, after: str) -> None:
    """The data stays; what a form cannot say is written in the nearest way."""
    text = converted(before, form)

    assert after == text.removeprefix('<?xml version="1.0" encoding="utf-8"?>\n')


def test_options() -> None:
    """Delimiters, headers, indentation and the names of elements."""
    named = Options(xml_root="users", xml_item="user")
    semicolon = Options(csv_delimiter=";", csv_headers=False, json_indent=1)

    assert "<users>\n  <user>1</user>\n</users>\n" in converted("[1]", "json_to_xml", named)
    assert '[\n [\n  "a",\n  "b"\n ]\n]' == converted("a;b\n", "csv_to_json", semicolon)
    assert "1;2\n" == converted('[{"a": 1, "b": 2}]', "json_to_csv", semicolon)


LAUGHS = '<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("xml_to_json", "<a>\n<b></a>", "line 2, column 6: mismatched tag"),
        ("xml_to_json", "", "line 1, column 1: no element found"),
        ("xml_to_json", LAUGHS, "a DOCTYPE is not read"),
        ("xml_to_json", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a DOCTYPE is not read"),
        ("xml_to_json", "<a>&b;</a>", "undefined entity"),
        ("json_to_xml", '{"a b": 1}', "'a b' is no name of an XML element"),
        ("json_to_xml", '{"1": 1}', "'1' is no name"),
        ("json_to_xml", '{"a": "\\u0000"}', "XML cannot hold the character"),
        ("json_to_xml", '{"a": {"@x": [1]}}', "cannot hold more than one value"),
        ("csv_to_json", "a,a\n1,2\n", "two columns are called 'a'"),
        ("csv_to_json", "a\n1,2\n", "line 2: the cell '2' is in a column without a name"),
        ("csv_to_json", 'a\n"1"x\n', "line 2: ',' expected after '\"'"),
        ("json_to_csv", "[]", "with one at least"),
        ("json_to_csv", "[1]", "a list of mappings, or of lists"),
        ("json_to_csv", '{"a": [}', "Expecting value: line 1 column 8"),
        ("json_to_yaml", "[NaN]", "NaN is no JSON"),
        ("json_to_yaml", "[" * 100_000, "too deeply nested"),
        ("yaml_to_json", "a: 1\nb: [", "line 3"),
        ("yaml_to_json", "a: 1\na: 2", "line 2"),
    ],
)
def test_what_cannot_be_converted(form: Any, text: str, said: str) -> None:
    """The failure names the form and, where there is one, the line."""
    with pytest.raises(UsageError) as found:
        converted(text, form)

    assert str(found.value).startswith(f"{form}: ")
    assert said in str(found.value)


LEAVES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5).map(str.strip)
DATA = st.recursive(
    LEAVES.filter(bool),
    lambda inner: st.dictionaries(st.from_regex(r"\A[a-zé]{1,3}\Z"), inner, min_size=1, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.just("r"), DATA, min_size=1))
def test_xml_comes_back(data: dict[str, Any]) -> None:
    """Mappings of texts are the same after XML and back."""
    assert data == read_as(written_as(data, "xml"), "xml")


@given(st.lists(st.lists(LEAVES, min_size=1, max_size=3), max_size=4))
def test_csv_is_what_others_read(rows: list[list[str]]) -> None:
    """Python's own reader sees the same cells."""
    rows = [row for row in rows if any(row)]

    assert rows == list(csv.reader(io.StringIO(as_csv(rows), newline="")))


@given(st.text(max_size=40), st.sampled_from(("csv", "json", "xml", "yaml")))
def test_no_other_error_than_the_declared_one(text: str, kind: Any) -> None:
    """Any text is data of a kind, or a `UsageError`."""
    with suppress(UsageError):
        assert isinstance(json.dumps(read_as(text, kind)), str)
