"""Which expressions a function clause may return."""

import pytest

from otp_genesis.otp.returns import replies, returned
from otp_genesis.otp.syntax import code, parse, target, walk

CASES = {
    "def f(x), do: x": ["x"],
    "def f(x) do\n  a(x)\n  b(x)\nend": ["b(x)"],
    "def f(x) do\n  if x, do: 1, else: 2\nend": ["1", "2"],
    "def f(x) do\n  if x do\n    1\n  else\n    2\n  end\nend": ["1", "2"],
    "def f(x) do\n  case x do\n    1 -> :a\n    2 when x -> g(:b)\n  end\nend": [":a", "g(:b)"],
    "def f(x) do\n  cond do\n    x -> 1\n    true -> unless x, do: 2\n  end\nend": ["1", "2"],
    "def f(x) do\n  with {:ok, y} <- x do\n    y\n  else\n    _ -> nil\n  end\nend": ["y", "nil"],
    "def f(x) do\n  receive do\n    m -> m\n  after\n    0 -> x\n  end\nend": ["m", "x"],
    "def f(x) do\n  try do\n    x\n  rescue\n    _ -> 1\n  catch\n    _, _ -> 2\n  end\nend": [
        "x",
        "1",
        "2",
    ],
    "def f(x) do\n  x\nrescue\n  _ -> 1\nend": ["x", "1"],
    "def f(x) do\n  try do\n    x\n  after\n    y\n  end\nend": ["x"],
    "def f(x) do\n  y = x\nend": ["y = x"],
    "def f(x)": [],
}


@pytest.mark.parametrize(("source", "expected"), CASES.items())
def test_returned(source: str, expected: list[str]) -> None:
    """The last expression of each branch, and no other, is returned."""
    clause = next(node for node in walk(parse(source.encode()).root_node) if target(node) == "def")

    assert expected == [code(node) for node in returned(clause)]


def test_replies() -> None:
    """Only tuples that begin with one of the tags count, and only where they are returned."""
    source = (
        "def f(x) do\n  _ = {:noreply, 1}\n  if x, do: {:noreply, 2}, else: {:reply, 3, 4}\nend"
    )
    clause = parse(source.encode()).root_node.named_children[0]

    assert ["{:noreply, 2}"] == [code(node) for node in replies(clause, ":noreply")]
