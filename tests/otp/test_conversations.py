"""Who talks to whom in a project."""

import json

from otp_genesis.otp.conversations import conversations, told
from otp_genesis.otp.project import Project
from otp_genesis.otp.sync_calls import asked, mentioned

STORE = """\
defmodule MyApp.Store do
  use GenServer
  @name :store

  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: @name)
  def get(server \\\\ @name, key), do: GenServer.call(server, {:get, key})
  def put(key), do: GenServer.cast(__MODULE__, {:put, key})

  def init(x) do
    Process.send_after(self(), :tick, 1_000)
    {:ok, x}
  end

  def handle_call({:get, _key}, _from, s), do: {:reply, s, s}
  def handle_cast({:put, key}, s) when is_atom(key), do: {:noreply, [key | s]}
  def handle_info(message, s), do: {:noreply, log(message, s)}
end
"""
CLIENT = """\
defmodule MyApp.Client do
  use GenServer
  alias MyApp.Store, as: S

  def init(x), do: {:ok, load(x)}
  def handle_call(:go, _from, s), do: {:reply, S.get(s), s}
  def handle_info(_, s), do: {:noreply, Task.start(fn -> S.get(1) end)}
  def other(pid, x), do: GenServer.call(pid, {:ask, x})
  defp load(x), do: GenServer.call(:store, {:get, x})
end
"""
FILES = {"lib/store.ex": STORE, "lib/client.ex": CLIENT}


def test_servers() -> None:
    """A server is known by its clauses and by the name that it registers."""
    known = conversations(Project.of(FILES))
    store = known.servers["MyApp.Store"]

    assert ["MyApp.Client", "MyApp.Store"] == sorted(known.servers)
    assert frozenset({":store"}) == store.names
    assert store.closed
    assert ["{:get, _}"] == [str(one.takes) for one in store.handlers["call"]]
    assert [True] == [one.guarded for one in store.handlers["cast"]]
    assert ["any"] == [one.takes.kind for one in store.handlers["info"]]


def test_messages_sent() -> None:
    """A message is for a server where the code names it, by a parameter's default too."""
    known = conversations(Project.of(FILES))
    told_of = {
        (one.call.function, one.manner, one.to, str(one.message), one.itself) for one in known.sent
    }

    assert {
        ("get/2", "call", "MyApp.Store", "{:get, _}", False),
        ("put/1", "cast", "MyApp.Store", "{:put, _}", False),
        ("init/1", "info", "MyApp.Store", ":tick", True),
        ("load/1", "call", "MyApp.Store", "{:get, _}", False),
        ("other/2", "call", None, "{:ask, _}", False),
    } == told_of


def test_a_module_that_may_get_clauses_is_open() -> None:
    """Nothing is concluded of a server to which a macro may add clauses."""
    heads = [
        "  use MyApp.Handlers\n",
        "  use Elsewhere\n",
        "  @before_compile Elsewhere\n",
        "  @behaviour Elsewhere\n",
        "  use MyApp.Plain\n",
    ]
    others = {
        "lib/handlers.ex": "defmodule MyApp.Handlers do\n  defmacro __using__(_) do\n    quote do\n"
        "      def handle_call(:x, _, s), do: {:reply, 1, s}\n    end\n  end\nend\n",
        "lib/plain.ex": "defmodule MyApp.Plain do\n  defmacro __using__(_) do\n    quote do\n"
        "      require Logger\n    end\n  end\nend\n",
    }
    closed = []
    for head in heads:
        store = STORE.replace("  use GenServer\n", f"  use GenServer\n{head}")
        known = conversations(Project.of({**others, "lib/store.ex": store}))
        closed.append(known.servers["MyApp.Store"].closed)

    assert [False, False, False, True, True] == closed


def test_tests_and_quoted_code_say_nothing() -> None:
    """Only production code that runs is listened to."""
    quoted = "defmodule Q do\n  def q, do: quote(do: GenServer.call(:store, 1))\nend\n"
    known = conversations(Project.of({"test/store_test.exs": STORE, "lib/q.ex": quoted}))

    assert {} == known.servers
    assert () == known.sent


def test_told_as_json() -> None:
    """The conversations can be written as JSON, what is unknown as null."""
    read = json.loads(json.dumps(told(conversations(Project.of(FILES)))))
    other = next(one for one in read["sent"] if one["function"] == "other/2")

    assert ["MyApp.Client", "MyApp.Store"] == sorted(one["module"] for one in read["servers"])
    assert {
        "manner": "call",
        "file": "lib/client.ex",
        "line": 8,
        "from": "MyApp.Client",
        "function": "other/2",
        "to": None,
        "message": "{:ask, _}",
    } == other


def test_computed_once() -> None:
    """A project's conversations are one value; a changed project has its own."""
    project = Project.of(FILES)
    changed = project.with_files({"lib/client.ex": b"defmodule C do\nend\n"})

    assert conversations(project) is conversations(project)
    assert ["MyApp.Store"] == list(conversations(changed).servers)


def test_who_waits_for_whom() -> None:
    """A callback waits where it calls by itself or by a client function, not where a task does."""
    project = Project.of(FILES)
    found = [
        (one.callback, one.function, one.to.module.name, str(one.message))
        for one in asked(project, "MyApp.Client")
    ]

    assert [
        ("handle_call/3", "handle_call/3", "MyApp.Store", "{:get, _}"),
        ("init/1", "load/1", "MyApp.Store", "{:get, _}"),
    ] == found
    assert () == asked(project, "MyApp.Store")
    assert frozenset({"MyApp.Store"}) == mentioned(project)["MyApp.Client"]
