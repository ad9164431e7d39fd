"""Which functions a callback reaches in the server's own process."""

import pytest

from otp_genesis.otp.callbacks import local_calls, reachable
from otp_genesis.otp.project import Project

HERE = [
    "work(s)",
    "s |> work()",
    "work s",
    "Enum.map([s], &work/1)",
    "Enum.map(s, fn x -> work(x) end)",
]
ELSEWHERE = [
    "Task.start(fn -> work(s) end)",
    "Task.start(&work/0)",
    "T.Supervisor.start_child(S, fn -> work(s) end)",
    "DynamicSupervisor.start_child(S, {Task, fn -> work(s) end})",
    "spawn(fn -> Enum.each(s, fn x -> work(x) end) end)",
    ":proc_lib.spawn(fn -> work(s) end)",
    "later = fn -> work(s) end\n    keep(later)",
    "s.work",
    "Other.work(s)",
    ":work",
    '"work(s)"',
]


def server(statement: str) -> str:
    return (
        "defmodule S do\n  use GenServer\n  alias Task, as: T\n\n"
        f"  def handle_cast(:go, s) do\n    {statement}\n    {{:noreply, s}}\n  end\n\n"
        "  defp work(s \\\\ nil), do: rest(s)\n  defp rest(s), do: s\nend\n"
    )


@pytest.mark.parametrize("statement", HERE)
def test_reached(statement: str) -> None:
    """However a function of the module is called, the callback reaches it and what it calls."""
    file = Project.of({"lib/s.ex": server(statement)}).files["lib/s.ex"]

    assert reachable(file, file.modules[0]) == {
        "handle_cast/2": "handle_cast/2",
        "work/1": "handle_cast/2",
        "rest/1": "handle_cast/2",
    }


@pytest.mark.parametrize("statement", ELSEWHERE)
def test_not_reached(statement: str) -> None:
    """What another process runs, or somebody may run later, is not reached."""
    file = Project.of({"lib/s.ex": server(statement)}).files["lib/s.ex"]

    assert reachable(file, file.modules[0]) == {"handle_cast/2": "handle_cast/2"}


def test_local_calls() -> None:
    """Each function is there, with what it calls and with itself where it comes round."""
    code = (
        "defmodule S do\n  def a(x), do: b(x) |> c()\n  def b(x) when x, do: b(x)\n"
        "  def c(x) do\n    inner = fn -> a(x) end\n    inner\n  end\nend\n"
    )
    file = Project.of({"lib/s.ex": code}).files["lib/s.ex"]

    assert local_calls(file, file.modules[0]) == {
        "a/1": frozenset({"b/1", "c/1"}),
        "b/1": frozenset({"b/1"}),
        "c/1": frozenset(),
    }
