"""Whatever a file holds, reading it gives facts, and the same facts each time."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from languages.test_elixir import MODULE as ELIXIR
from languages.test_go import FILE as GO
from languages.test_javascript import ELEMENTS, SCRIPT, TYPED
from languages.test_python import MODULE as PYTHON
from languages.test_rust import FILE as RUST
from otp_genesis.languages.names import ENDINGS
from otp_genesis.languages.table import read

REAL = {
    "a.ex": ELIXIR, "a.py": PYTHON, "a.js": SCRIPT, "a.ts": TYPED, "a.tsx": ELEMENTS, "a.go": GO,
    "a.rs": RUST,
}  # fmt: skip
PATHS = sorted(f"a{ending}" for endings in ENDINGS.values() for ending in endings)
NAMES = frozenset({"a", "f", "x"})


@given(path=st.sampled_from(PATHS), text=st.text())
@example("a.ex", "def")
@example("a.ex", "@behaviour\n@callback x")
@example("a.ex", "alias A.{}\ndefmodule do end")
@example("a.py", "\ufeffimport a\n__all__ = 1")
@example("a.ts", "export = \nexport {} from\n@x")
@example("a.go", "package\nimport (\nfunc (")
@example("a.rs", "use {*, self::{}};\nimpl for {}\n#[")
@settings(max_examples=400, deadline=None)
def test_any_text_is_read(path: str, text: str) -> None:
    """No text makes a reader fail."""
    assert read(path, text, NAMES) == read(path, text, NAMES)


@given(
    path=st.sampled_from(sorted(REAL)),
    start=st.integers(0, 3000),
    size=st.integers(0, 60),
    put=st.text(max_size=8),
)
@settings(max_examples=400, deadline=None)
def test_broken_code_is_read(path: str, start: int, size: int, put: str) -> None:
    """Code with a piece torn out, or something put in, is read too; its lines are real ones."""
    whole = REAL[path]
    text = whole[:start] + put + whole[start + size :]
    last = text.count("\n") + 1

    found = read(path, text, NAMES)

    assert all(1 <= one.line <= one.end_line <= last for one in found.definitions)
    assert all(1 <= one.line <= last for one in found.imports)
    assert all(1 <= one.line <= last for one in found.references)


@pytest.mark.parametrize("path", sorted(REAL))
def test_deep_nesting_is_read(path: str) -> None:
    """Thousands of brackets within each other end in facts, not in a full stack."""
    assert read(path, "x = " + "(" * 5000 + ")" * 5000).language
    assert read(path, "use " + "a::{" * 3000 + "}" * 3000).language


@pytest.mark.parametrize("path", sorted(REAL))
def test_line_ends_do_not_matter(path: str) -> None:
    """What ends its lines with CR LF says the same."""
    unix, dos = read(path, REAL[path]), read(path, REAL[path].replace("\n", "\r\n"))

    assert [(one.full, one.line, one.kind) for one in unix.definitions] == [
        (one.full, one.line, one.kind) for one in dos.definitions
    ]
    assert unix.imports == dos.imports
