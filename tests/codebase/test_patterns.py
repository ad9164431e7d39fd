"""File patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_genesis.codebase.patterns import matches


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("**/*", "mix.exs", True),
        ("**/*", "lib/a/b.ex", True),
        ("*", "lib/a.ex", False),
        ("lib/**/*.ex", "lib/a.ex", True),
        ("lib/**/*.ex", "lib/a/b/c.ex", True),
        ("lib/**/*.ex", "test/a.ex", False),
        ("**/*.{ex,exs}", "test/a_test.exs", True),
        ("**/*.{ex,exs}", "README.md", False),
        ("lib/**", "lib/a/b", True),
        ("?.ex", "a.ex", True),
        ("?.ex", "ab.ex", False),
        ("[ab].ex", "b.ex", True),
        ("[!ab].ex", "b.ex", False),
        ("[!ab].ex", "c.ex", True),
        ("a+(b).ex", "a+(b).ex", True),
        ("./mix.exs", "mix.exs", True),
        ("*.exs", ".formatter.exs", True),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) == expected


@given(pattern=st.text(alphabet="ab/*?[]!{},^-\\.(|", max_size=12), path=st.text(max_size=8))
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    assert matches(pattern, path) in (True, False)


@pytest.mark.parametrize(
    ("pattern", "fitting"),
    [("[!-a]", "bc"), ("[!--]", "abc"), ("[---]", "-"), ("[-a]", "a-"), ("[!a-b]", "c-")],
)
def test_hyphens_in_a_choice(pattern: str, fitting: str) -> None:
    """A hyphen at either end is itself; a slash is in no choice."""
    assert sorted(one for one in "abc-/" if matches(pattern, one)) == sorted(fitting)
