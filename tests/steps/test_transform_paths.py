"""JSONPath: what paths lead to, what is refused, and that nothing takes for ever."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.errors import UsageError
from otp_genesis.steps import json_path
from otp_genesis.steps.json_path import compiled, projection
from otp_genesis.steps.picking import NotThere, picked

STORE: dict[str, Any] = {
    "books": [
        {"title": "Å", "price": 8, "isbn": "0-1", "tags": ["x"]},
        {"title": "B", "price": 12.5},
        {"title": "C", "price": None, "sold": False},
    ],
    "my-key": {"ä": 1},
    "n": 3,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.n", 3),
        ("n", 3),
        ("$", STORE),
        ("$.my-key.ä", 1),
        ("$['my-key']['ä']", 1),
        ("$.nope.x", None),
        ("$.books[0].title", "Å"),
        ("$.books[-1].title", "C"),
        ("$.books[9]", None),
        ("$.books[*].price", [8, 12.5, None]),
        ("$.books[0:2].title", ["Å", "B"]),
        ("$.books[::2].title", ["Å", "C"]),
        ("$.books[0,2].title", ["Å", "C"]),
        ("$..title", ["Å", "B", "C"]),
        ("$.books[?(@.price > 10)].title", ["B"]),
        ("$.books[?@.price > 10 || @.isbn].title", ["Å", "B"]),
        ("$.books[?(@.title == 'Å' && @.price < 10)].isbn", ["0-1"]),
        ("$.books[?!@.isbn].title", ["B", "C"]),
        ("$.books[?@.price == null].title", ["C"]),
        ("$.books[?@.sold == false].title", ["C"]),
        ("$.books[?length(@.title) == 1].price", [8, 12.5, None]),
        ("$.books[?count(@.tags[*]) == 1].title", ["Å"]),
        ("$.books[?match(@.isbn, '[0-9]-[0-9]')].title", ["Å"]),
        ("$.books[?match(@.isbn, '[0-9]')].title", []),
        ("$.books[?search(@.isbn, '-')].title", ["Å"]),
        ("$.books[?@.price < $.n].title", []),
        ("$.nope[*]", []),
        ("$.*.ä", [1]),
    ],
)
def test_what_paths_lead_to(path: str, found: Any) -> None:
    """A path of names and indexes leads to one value or nothing, any other to a list."""
    assert found == compiled(path).value(STORE)


@pytest.mark.parametrize("data", [None, 3, "text", "[1]", '{"n": 1}', True, [], {}])
def test_data_without_anything_in_it(data: Any) -> None:
    """A text is no document, also where it looks like one."""
    assert data == compiled("$").value(data)
    assert compiled("$.n").value(data) is None
    assert [] == compiled("$..n").value(data)
    assert [] == compiled("$[?@.n > 1]").value(data)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "'' is no JSONPath"),
        ("$.", "expected a shorthand selector (at its end)"),
        ("$.a[", "(at its end)"),
        ("$.a[?(@.b", "unbalanced parentheses (at character 6, '(@.b')"),
        ("$.a[?@.b > 1 and @.c]", "(at character 14, 'and @.c]')"),
        ("a[?@.b ~ 1]", "(at character 8, '~ 1]')"),
        ("$.a[?nope(@.b)]", "function 'nope' is not defined (at character 6, 'nope(@.b)]')"),
        ("$.a[?length(@.b, 1) > 2]", "requires 1 argument"),
        ("$.a[99999999999999999999]", "index out of range"),
        ("$" + "[?@" * 2_000, "is no JSONPath"),
        ("$" + ".a" * 6_000, "a JSONPath may have 10,000 characters at most"),
    ],
)
def test_what_is_no_path(path: str, said: str) -> None:
    """The complaint says where in the path it is wrong."""
    with pytest.raises(UsageError) as found:
        compiled(path)

    assert said in str(found.value)


def test_a_pattern_that_backtracks() -> None:
    """`match()` and `search()` read each character once, whatever the pattern."""
    began = time.monotonic()
    found = compiled("$[?match(@, '(a+)+b') || search(@, '(a|a)*c')]").all(["a" * 5_000])

    assert [] == found
    assert time.monotonic() - began < 2


def test_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many results, too many nodes on the way and data that is too deep are errors."""
    monkeypatch.setattr(json_path, "MAX_FOUND", 10)
    monkeypatch.setattr(json_path, "MAX_VISITED", 1_000)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]

    assert 10 == len(compiled("$[*]").all(list(range(10))))
    with pytest.raises(UsageError, match=r"'\$\[\*\]' leads to more than 10 values"):
        compiled("$[*]").all(list(range(11)))
    with pytest.raises(UsageError, match="visits more than 1,000 nodes"):
        compiled("$[?@.n == 1]").all([{"n": 2}] * 2_000)
    with pytest.raises(UsageError, match="visits more than 1,000 nodes"):
        compiled("$[?$[?@.a]]").all([{"n": 2}] * 2_000)
    with pytest.raises(UsageError, match="too deeply nested"):
        compiled("$..a").all(deep)


def test_a_projection() -> None:
    """What stands in braces behind a path is what each thing becomes."""
    wanted = projection("$.books[?@.isbn].{name: title, 'cheap': price < 10}")

    assert "$.books[?@.isbn]" == wanted.path.written
    assert "{name: title, 'cheap': price < 10}" == wanted.object
    assert projection("$.a").object is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("books[0].title", "Å"),
        ("$.books[-1].title", "C"),
        ("books[*].title", ["Å", "B", "C"]),
        ("books[*].isbn", ["0-1"]),
        ("books[?(@.price > 10)].title", ["B"]),
        ("$..ä", [1]),
        ("books[0:1].title", ["Å"]),
        ("books[*].tags[0]", ["x"]),
        ("my-key.*", [1]),
    ],
)
def test_results_are_picked_by_the_same_paths(path: str, found: Any) -> None:
    """Prompts and sources take dot paths and JSONPath alike."""
    assert found == picked(STORE, path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("bokos[*].title", "there is no field 'bokos'; did you mean 'books'?"),
        ("books.title", "a list has no field 'title'; say which: [0]"),
        ("n[*]", "a single value has no field '*'"),
        ("books[5]", "the list has 3 elements"),
    ],
)
def test_what_is_not_there_is_told(path: str, said: str) -> None:
    """Before the first `*` everything must be there."""
    with pytest.raises(NotThere, match="there is no") as found:
        picked(STORE, path)

    assert said in str(found.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(JSON, st.text(st.characters(exclude_categories=["C"]), max_size=3))
def test_every_key_can_be_found(data: Any, key: str) -> None:
    """Whatever a key is, in brackets and as JSON it is found."""
    assert compiled(f"$[{json.dumps(key)}]").value({key: data, f"{key}.": 1}) == data


@given(JSON)
def test_a_walk_over_everything(data: Any) -> None:
    """`$..*` leads to each value below the data once."""

    def below(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value
        return sum(1 + below(one) for one in inner) if isinstance(value, dict | list) else 0

    assert below(data) == len(compiled("$..*").all(data))


@given(st.text("$.[]?@*:'\"(),abc01 &|!=<>{}", max_size=20), JSON)
def test_no_other_error_than_the_declared_one(path: str, data: Any) -> None:
    """Any text is a path that can be followed, or a `UsageError`."""
    try:
        found = compiled(path)
    except UsageError:
        return
    assert isinstance(found.all(data), list)
