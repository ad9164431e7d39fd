"""Which processes a project starts, and in which order."""

from otp_genesis.otp.project import Project
from otp_genesis.otp.sibling_children import siblings_of
from otp_genesis.otp.supervised import unstarted

MIX = "defmodule M do\n  def application, do: [mod: {A, []}]\nend\n"
SERVER = "defmodule {0} do\n  use GenServer\n  def init(x), do: {{:ok, x}}\nend\n"


def _found(**texts: str) -> list[tuple[str, int]]:
    files = {f"lib/{name}.ex": text for name, text in texts.items()}
    project = Project.of({"mix.exs": MIX, "lib/cache.ex": SERVER.format("My.Cache"), **files})
    return [
        (one.module.name, len(one.mentions)) for each in unstarted(project).values() for one in each
    ]


def test_what_starts_a_process() -> None:
    """A module counts as started where its name stands as a value or before a start function."""
    for code in (
        "[My.Cache]",
        "{Cache, 1}",
        "My.Cache.start_link(1)",
        "GenServer.start_link(My.Cache, 1)",
        "Cache.child_spec(1)",
        "apply(My.Cache, :start_link, [])",
    ):
        assert [] == _found(a=f"defmodule A do\n  alias My.Cache\n  def f, do: {code}\nend\n")


def test_another_name_for_a_process() -> None:
    """A module that is given another name may be started by that."""
    sup = "defmodule A do\n  alias My.Cache, as: C\n  def f, do: [C]\nend\n"

    assert [] == _found(a=sup)


def test_what_only_speaks_of_a_process() -> None:
    """Calls of its functions, messages to it, its struct and comments start nothing."""
    for code, mentions in (
        ("My.Cache.get(1)", 1),
        ("GenServer.call(My.Cache, 1)", 1),
        ("Process.whereis(My.Cache)", 1),
        ("%My.Cache{}", 0),
        ("My.Cache.Other.start_link()", 0),
        ("My.CacheWarmer", 0),
        ("1 # My.Cache", 0),
    ):
        found = _found(a=f"defmodule A do\n  alias My.Cache\n  def f, do: {code}\nend\n")
        assert [("My.Cache", mentions)] == found


def test_siblings_keep_their_order() -> None:
    """The children of a supervisor stand in the order they start, with its strategy."""
    sup = (
        "defmodule S do\n  use Supervisor\n  def init(x) do\n"
        "    children = [{My.B, 1}, My.A, worker(x)]\n"
        "    options = [strategy: :one_for_one, name: S]\n"
        "    Supervisor.init(children, options)\n  end\nend\n"
    )
    found = siblings_of(Project.of({"lib/s.ex": sup}), ["My.A", "My.B"])

    assert [("My.B", "My.A")] == [tuple(name for name, _ in one.modules) for one in found]
    assert ["one_for_one"] == [one.strategy for one in found]
    assert [False] == [one.whole for one in found]
    assert [(0, 1, None)] == [
        (one.place("My.B"), one.place("My.A"), one.place("X")) for one in found
    ]
    assert [] == siblings_of(Project.of({"lib/s.ex": sup}), ["My.A", "My.C"])
