"""The tree that is read is the tree that runs: held against a started application."""

import json
import subprocess
from pathlib import Path

import pytest
from support.elixir import write

from otp_genesis.otp.project import Project
from otp_genesis.otp.tree import Node
from otp_genesis.otp.tree_reading import supervision_tree

MIX = "defmodule My.Mix do\n  def application, do: [mod: {My.App, []}]\nend\n"
APP = """\
defmodule My.Plain do
  use GenServer
  def start_link(options), do: GenServer.start_link(__MODULE__, options, options)
  def init(options), do: {:ok, options}
end

defmodule My.Named do
  use GenServer, restart: :transient, shutdown: 700
  def start_link(_), do: GenServer.start_link(__MODULE__, 1, name: __MODULE__)
  def init(x), do: {:ok, x}
end

defmodule My.Own do
  use GenServer, restart: :temporary

  def child_spec(options) do
    %{super(options) | id: Keyword.fetch!(options, :name)}
  end

  def start_link(options) do
    name = Keyword.get(options, :name, :nobody)
    GenServer.start_link(__MODULE__, 1, name: name)
  end

  def init(x), do: {:ok, x}
end

defmodule My.Lookup do
  def child_spec(_), do: Registry.child_spec(keys: :unique, name: My.Lookup)
end

defmodule My.Counter do
  use Agent, shutdown: :brutal_kill
  def start_link(_), do: Agent.start_link(fn -> 0 end, name: My.Counter)
end

defmodule My.Below do
  use Supervisor
  @children [{My.Plain, name: :first}, {My.Own, name: :second}]

  def start_link(_), do: Supervisor.start_link(__MODULE__, [], name: __MODULE__)

  def init(_) do
    all = Enum.reject([nil | @children] ++ last(:third), &is_nil/1)
    Supervisor.init(all, strategy: :rest_for_one)
  end

  defp last(name) do
    [%{id: :last, start: {My.Own, :start_link, [[name: name]]}, restart: :transient}]
  end
end

defmodule My.App do
  use Application

  def start(_type, _args) do
    children = [
      My.Named,
      {My.Own, name: :own},
      Supervisor.child_spec({My.Plain, name: :given}, id: :other, restart: :transient),
      My.Lookup,
      My.Counter
    ]

    children = children ++ libraries()
    Supervisor.start_link([My.Below | children], strategy: :one_for_one, name: My.Supervisor)
  end

  defp libraries do
    [
      {Registry, keys: :duplicate, name: My.Registry},
      {DynamicSupervisor, name: My.Dynamic},
      {Task.Supervisor, name: My.Tasks},
      {Agent, fn -> 1 end},
      {My.Worker, :start_link, []} |> spec(:worker)
    ]
  end

  defp spec(start, id), do: %{id: id, start: start, type: :worker}
end

defmodule My.Worker do
  def start_link, do: Agent.start_link(fn -> 2 end, name: :worker)
end
"""
SHOW = """
{:ok, top} = My.App.start(:normal, [])

show = fn show, supervisor ->
  for {id, pid, type, modules} <- Enum.reverse(Supervisor.which_children(supervisor)) do
    {:ok, spec} = :supervisor.get_childspec(supervisor, id)
    {_, registered} = Process.info(pid, :registered_name)
    name = if is_atom(registered), do: inspect(registered)
    ours = type == :supervisor and modules == [My.Below]
    shutdown = to_string(Map.get(spec, :shutdown, (type == :supervisor && :infinity) || 5000))
    told = [inspect(id), to_string(Map.get(spec, :restart, :permanent)), shutdown]
    [told ++ [name], if(ours, do: show.(show, pid), else: [])]
  end
end

text = fn text, value ->
  case value do
    nil -> "null"
    list when is_list(list) -> "[" <> Enum.map_join(list, ",", &text.(text, &1)) <> "]"
    other -> inspect(other)
  end
end

IO.puts(text.(text, show.(show, top)))
"""


def read(nodes: tuple[Node, ...]) -> list[object]:
    """Return each child as it is shown by the running system."""
    return [
        [
            [node.id, node.restart, node.shutdown, node.name],
            read(node.children) if node.module == "My.Below" else [],
        ]
        for node in nodes
    ]


@pytest.mark.elixir
def test_the_tree_is_what_runs(tmp_path: Path) -> None:
    """Order, ids, restart and shutdown values and registered names are those of the processes."""
    root = write(tmp_path / "my", {"mix.exs": MIX, "lib/app.ex": APP, "show.exs": SHOW})
    command = ["elixir", "-r", "lib/app.ex", "show.exs"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    (app,) = supervision_tree(Project.read(root)).apps
    assert app.root is not None
    (top,) = app.root.children

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == read(top.children)
