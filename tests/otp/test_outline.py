"""What is read by searching the text first, held against a walk of the whole tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from otp_genesis.otp.extract import analyse
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.modules import Modules
from otp_genesis.otp.outline import DEFINES, MODULES
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.syntax import code, parse, target, walk
from otp_genesis.otp.vocabulary import VOCABULARY

EXAMPLES = [example.code for rule in all_rules() for example in rule.examples]
SHAKY = [
    path.read_text()
    for path in sorted((Path(__file__).parents[2] / "examples/shaky_otp/lib").rglob("*.ex"))
]


def named(text: str, words: set[str]) -> set[int]:
    """Return where calls of these names begin, found by a walk of the whole tree."""
    return {
        node.start_byte
        for node in walk(parse(text.encode()).root_node)
        if target(node) in words and node.named_child_count > 1
    }


def defined(file: SourceFile) -> set[int]:
    """Return where the definitions of a file begin."""
    return {clause.start for function in file.functions for clause in function.clauses}


def check_whole(text: str) -> None:
    """Hold what is read of a text against its whole tree."""
    file = analyse("lib/m.ex", text.encode())
    heads = {
        node.named_children[1].named_children[0].start_byte
        for node in walk(parse(text.encode()).root_node)
        if target(node).encode() in DEFINES and node.named_child_count > 1
    }

    assert named(text, {word.decode() for word in MODULES}) == {m.start for m in file.modules}
    assert named(text, {word.decode() for word in DEFINES}) - heads == defined(file) - heads
    directives = {one.start for one in file.directives}
    assert named(text, {"use", "require"}) - heads >= directives
    assert {one.start for one in file.aliases if one.start} <= {*range(len(text.encode()))}
    plain = {
        node.start_byte
        for node in walk(parse(text.encode()).root_node)
        if target(node).startswith("Elixir.")
        and code(node.child_by_field_name("target")).count(".") == 2
        and target(node).rpartition(".")[2] in VOCABULARY.of(target(node).split(".")[1])
        and node.named_child_count > 1
    }
    read = {call.start for calls in file.calls.values() for call in calls}
    assert {start for start in plain if not in_pipe(text, start)} <= read


def in_pipe(text: str, start: int) -> bool:
    """Whether a pipe stands before a call, whose expression then begins earlier."""
    return text.encode()[:start].rstrip().endswith(b"|>")


@pytest.mark.parametrize("text", [*EXAMPLES, *SHAKY])
def test_examples(text: str) -> None:
    """Definitions, modules and directives of the rules' examples and of the example project."""
    check_whole(text)


LINES = st.sampled_from(
    [
        *("def f(x), do: x", "def g", "if x, do: import B", "alias C.{D, E}, as: F", "# def h do"),
        *('x = "def f, do: 1"', "use GenServer", "import Task, only: [start: 1]", "@impl true"),
        *("@doc ~S(use X)", "(require Logger; 1)", "f(fn -> alias Z end)", "unquote(x)"),
        *("Elixir.Process.sleep(1)", "Elixir.Task.start(fn -> 1 end)", "1; use Y"),
        *("defmacro __using__(_), do: quote(do: use(GenServer))", '"""\nuse H\n"""'),
    ]
)
HEADS = st.sampled_from(
    [
        *("defmodule A do", "def f(x, y \\\\ 1) when x do", "defp g do", "quote do", "if x do"),
        *("defimpl P, for: A do", "try do", "defmacro m(x) do", "case x do\ny ->", "f fn ->"),
        *("describe x do", "defprotocol P do", "for x <- y do"),
    ]
)
BLOCKS = st.recursive(
    LINES,
    lambda inner: st.tuples(HEADS, st.lists(inner, max_size=4)).map(
        lambda block: "\n".join([block[0], *block[1], "1", "end"])
    ),
    max_leaves=12,
)


@given(st.lists(BLOCKS, max_size=4))
def test_any_blocks(blocks: list[str]) -> None:
    """Wherever a definition or a directive stands, it is found, and nothing else is."""
    text = "\n".join(blocks) + "\n"
    assume(not parse(text.encode()).root_node.has_error)
    check_whole(text)


FILES = {
    "lib/a.ex": "defmodule A do\n  defmodule B do\n  end\nend\ndefmodule Both do\nend\n",
    "test/a_test.exs": "defmodule ATest do\n  defmodule Fake do\n  end\nend\n"
    "defmodule Both do\nend\ndefimpl Kind, for: Fake do\nend\n",
    "config/config.exs": "defmodule Config.Own do\nend\n",
    "test/quoted.exs": "quote do\n  defmodule Gone do\n  end\nend\n",
}


def test_modules_by_name() -> None:
    """Names of production code, of tests and of implementations; production code comes first."""
    files = [analyse(path, text.encode()) for path, text in FILES.items()]
    modules = Modules(files)
    expected = {
        **{"A": "lib/a.ex", "A.B": "lib/a.ex", "Both": "lib/a.ex"},
        **{"ATest": "test/a_test.exs", "ATest.Fake": "test/a_test.exs"},
        **{"Kind.Fake": "test/a_test.exs", "Config.Own": "config/config.exs"},
    }

    assert expected == {name: modules[name][0].path for name in expected}
    assert [name for name in ("Gone", "B", "Fake", "A.", "") if name in modules] == []
    assert expected == {name: modules[name][0].path for name in modules}
    assert len(expected) == len(modules)
