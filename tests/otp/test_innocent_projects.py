"""Sound projects of several modules: no rule that looks at the whole project may report them."""

import pytest

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

MIX = """\
defmodule MyApp.MixProject do
  use Mix.Project
  def project, do: [app: :my_app]
  def application, do: [mod: {MyApp.Application, []}]
end
"""
APPLICATION = """\
defmodule MyApp.Application do
  use Application

  def start(_type, _args) do
    children = [MyApp.Store, {MyApp.Poller, []}, {DynamicSupervisor, name: MyApp.Jobs}]
    Supervisor.start_link(children, strategy: :rest_for_one)
  end
end
"""
STORE = """\
defmodule MyApp.Store do
  use GenServer
  require Logger

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def put(key), do: GenServer.cast(__MODULE__, {:put, key})
  def all(server \\\\ __MODULE__), do: GenServer.call(server, :all)
  def hit(key), do: :ets.update_counter(:hits, key, 1, {key, 0})

  @impl true
  def init(_) do
    :ets.new(:hits, [:named_table, :public])
    {:ok, []}
  end

  @impl true
  def handle_cast({:put, key}, keys), do: {:noreply, Enum.take([key | keys], 100)}

  @impl true
  def handle_call(:all, _from, keys), do: {:reply, keys, keys}
end
"""
POLLER = """\
defmodule MyApp.Poller do
  use GenServer
  require Logger

  def start_link(_), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)

  @impl true
  def init(state) do
    {:ok, later(state)}
  end

  @impl true
  def handle_info(:tick, state) do
    MyApp.Store.put(:tick)
    {:noreply, later(state)}
  end

  def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
    {:noreply, Map.delete(state, pid)}
  end

  def handle_info(message, state) do
    Logger.warning("unexpected: #{inspect(message)}")
    {:noreply, state}
  end

  @impl true
  def handle_call({:watch, pid}, _from, state) do
    {:reply, MyApp.Store.all(), Map.put(state, pid, Process.monitor(pid))}
  end

  defp later(state) do
    Process.send_after(self(), :tick, 1_000)
    state
  end
end
"""
BASE = {
    "mix.exs": MIX,
    "lib/application.ex": APPLICATION,
    "lib/store.ex": STORE,
    "lib/poller.ex": POLLER,
}
MORE = {
    "calls go one way, casts and timers both": "  def go, do: MyApp.Store.all()\n",
    "a call after a cast needs no wait": (
        "  def go(key) do\n    MyApp.Store.put(key)\n    MyApp.Store.all()\n  end\n"
    ),
    "a cast is not awaited": "  def go(key), do: GenServer.cast(MyApp.Store, {:put, key})\n",
    "telemetry that counts": (
        "  def attach do\n"
        '    :telemetry.attach("hits", [:my_app, :hit], &__MODULE__.count/4, nil)\n  end\n'
        "  def count(_event, _values, meta, _), do: MyApp.Store.hit(meta.key)\n"
        "  def emit(key), do: :telemetry.execute([:my_app, :hit], %{}, %{key: key})\n"
    ),
    "a process on demand has a supervisor": (
        "  def go(id), do: DynamicSupervisor.start_child(MyApp.Jobs, {MyApp.Poller, id})\n"
    ),
    "a table of one's own is taken down again": (
        "  def go(list) do\n    table = :ets.new(:seen, [:set])\n"
        "    Enum.each(list, &:ets.insert(table, {&1}))\n    :ets.delete(table)\n  end\n"
    ),
    "the dictionary of OTP itself is read": '  def go, do: Process.get(:"$callers")\n',
    "each of many processes is monitored once": (
        "  def go([]), do: :ok\n  def go([pid | rest]) do\n    Process.monitor(pid)\n"
        "    go(rest)\n  end\n"
    ),
}


@pytest.mark.parametrize("code", MORE.values(), ids=MORE.keys())
def test_innocent(code: str) -> None:
    """Sound code is not reported, by any rule."""
    client = f"defmodule MyApp.Client do\n{code}end\n"
    project = Project.of({**BASE, "lib/client.ex": client})

    assert not project.unparsed
    assert [] == [
        (found.rule, found.file, found.line) for found in scan(project, all_rules()).findings
    ]
