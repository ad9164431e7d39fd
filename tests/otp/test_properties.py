"""What holds for any text: edits are slicing, and no text crashes the analysis."""

from hypothesis import given, settings
from hypothesis import strategies as st

from otp_genesis.model.change import ChangeSet, Edit, apply_edits
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan
from otp_genesis.otp.syntax import Lines

RULES = all_rules()
TEXTS = sorted({example.code for rule in RULES for example in rule.examples})
BAD = [(rule, e) for rule in RULES for e in rule.examples if isinstance(e, Bad)]
PIECES = ("do", "end", "|>", "&", "#{", '"', '"""', "(", ")", "fn ->", "@", ":", "ä", "\r\n", "%{")


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6), st.text(max_size=5))
def test_edits_are_slicing(data: bytes, cuts: list[int], text: str) -> None:
    """Edits that do not overlap give what cutting and joining by hand gives."""
    places = sorted({min(cut, len(data)) for cut in cuts})
    pairs = list(zip(places[::2], places[1::2], strict=False))
    edits = [Edit(start=start, end=end, text=text) for start, end in pairs]
    by_hand = data
    for start, end in reversed(pairs):
        by_hand = by_hand[:start] + text.encode() + by_hand[end:]

    assert apply_edits("x", data, edits) == by_hand


@given(st.text(max_size=80), st.data())
def test_positions_come_back(text: str, data: st.DataObject) -> None:
    """A byte offset and its line and column name the same place."""
    raw = text.encode()
    at = data.draw(st.integers(0, len(text)))
    offset = len(text[:at].encode())
    lines = Lines(raw)
    line, column = lines.position(offset)

    if not text.startswith("\ufeff"):
        assert lines.offset(line, column) == offset


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TEXTS), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(PIECES))))
def test_any_text_is_analysed(text: str, changes: list[tuple[float, str]]) -> None:
    """Elixir text with pieces put in or cut out is scanned or told as unparsed; so are fixes."""
    for where, piece in changes[:4]:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + len(piece) % 3 :]
    project = Project.of({"lib/m.ex": text})
    by_code = {rule.code: rule for rule in RULES}

    for finding in scan(project, RULES).findings:
        change = by_code[finding.rule].fix(project, finding)
        if isinstance(change, ChangeSet):
            for part in change.files:
                part.apply(project.source(part.path))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    """Bytes that are no text are told as unparsed."""
    project = Project.of({"lib/m.ex": data})

    assert len(project.files) + len(project.unparsed) == 1


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(BAD), st.sampled_from(["# ä\n", "\n", "defmodule Above do\nend\n"]))
def test_findings_move_with_the_text(case: tuple[object, Bad], above: str) -> None:
    """Lines put above move a finding and change nothing else of it."""
    _, example = case
    before = scan(Project.of({"lib/m.ex": example.code}), RULES).findings
    after = scan(Project.of({"lib/m.ex": above + example.code}), RULES).findings

    assert [f.fingerprint for f in before] == [f.fingerprint for f in after]
    assert [f.line + above.count("\n") for f in before] == [f.line for f in after]
