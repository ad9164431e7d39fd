"""What texts are put together from, and which modules a person runs."""

import pytest

from otp_genesis.otp.command_lines import runs_by_hand
from otp_genesis.otp.interpolated import bound_to, inserted
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import code, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a #{b} c #{d.e}"', ["b", "d.e"]),
        ('"a " <> b <> c', ["b", "c"]),
        ("~c'a #{b}'", ["b"]),
        (':"a_#{b}"', ["b"]),
        ('"a #{@b} #{__MODULE__} #{System.pid()} #{1}"', []),
        ('"a " <> "b"', []),
        ("a", []),
    ],
)
def test_inserted(text: str, expected: list[str]) -> None:
    """Interpolations and `<>` put data in; attributes and literals are settled."""
    assert expected == [code(node) for node in inserted(parse(text.encode()).root_node)]


def test_bound_to() -> None:
    """The last binding above counts."""
    root = parse(b"a = 1\na = 2\nf(a)\na = 3\n").root_node

    assert "2" == code(bound_to(root, "a", 12))
    assert bound_to(root, "b", 12) is None


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("MyApp.CLI", True),
        ("MyAppCLI.Deploy", True),
        ("MyApp.Release", True),
        ("MyApp.ReleaseTasks", True),
        ("MyApp.Releases.Store", True),
        ("MyApp.Client", False),
        ("MyApp.Relay", False),
    ],
)
def test_runs_by_hand(module: str, expected: bool) -> None:
    """Command lines and the commands of a release are run by hand."""
    text = f"defmodule {module} do\n  def go, do: System.halt(1)\nend\n"
    file = Project.of({"lib/m.ex": text}).files["lib/m.ex"]
    call = file.production_calls("System.halt/1")[0]

    assert expected == runs_by_hand(file, call)
