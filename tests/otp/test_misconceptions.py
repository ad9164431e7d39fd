"""What is often called a flaw and is none: no rule of all may report it."""

import pytest

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

HEAD = "defmodule MyApp.Server do\n  use GenServer\n  require Logger\n\n"
OTHERS = """
  @impl true
  def handle_info(message, state) do
    Logger.warning("unexpected: #{inspect(message)}")
    {:noreply, state}
  end
end
"""
INNOCENT = {
    "a :DOWN clause does not demonitor: the monitor went with the message": """\
  def init(pid) do
    Process.monitor(pid)
    {:ok, pid}
  end

  def handle_info({:DOWN, _ref, :process, _pid, _reason}, _state), do: {:noreply, nil}
""",
    "a cast is not awaited, and need not be": """\
  def init(x), do: {:ok, x}
  def tell(pid, x), do: GenServer.cast(pid, {:tell, x})
  def handle_cast({:tell, x}, _state), do: {:noreply, x}
""",
    "a cast to a process that lived is as good as a cast": """\
  def init(x), do: {:ok, x}
  def tell(pid, x), do: if(Process.alive?(pid), do: GenServer.cast(pid, {:tell, x}))
  def handle_cast({:tell, x}, _state), do: {:noreply, x}
""",
    "a message to oneself after a while is how a server waits": """\
  def init(x) do
    Process.send_after(self(), :tick, 1_000)
    {:ok, x}
  end

  def handle_info(:tick, x) do
    Process.send_after(self(), :tick, 1_000)
    {:noreply, x}
  end
""",
    "an update that ETS makes in one step loses nothing": """\
  def init(_) do
    :ets.new(:hits, [:named_table, :public])
    {:ok, nil}
  end

  def hit(key), do: :ets.update_counter(:hits, key, 1, {key, 0})
  def first(key), do: :ets.insert_new(:hits, {key, 1})
  def handle_cast({:clear, key}, nil) do
    :ets.insert(:hits, {key, 0})
    {:noreply, nil}
  end
""",
    "exits are trapped so that terminate/2 runs at shutdown": """\
  def init(path) do
    Process.flag(:trap_exit, true)
    {:ok, _} = MyApp.Worker.start_link(path)
    {:ok, path}
  end

  def terminate(_reason, path), do: File.rm_rf(path)
""",
    "exits are trapped so that a callback ends before a shutdown does": """\
  def init(path) do
    Process.flag(:trap_exit, true)
    {:ok, path}
  end
""",
    "a call is answered by another process": """\
  def init(x), do: {:ok, x}
  def handle_call(:get, from, x) do
    Task.Supervisor.start_child(MyApp.Tasks, fn -> GenServer.reply(from, Req.get!(x)) end)
    {:noreply, x}
  end
""",
    "handle_continue/2 may take its time after the start": """\
  def init(url), do: {:ok, url, {:continue, :load}}
  def handle_continue(:load, url), do: {:noreply, Req.get!(url)}
""",
    "a mailbox is looked into without waiting": """\
  def init(x), do: {:ok, x}
  def handle_cast(:flush, x) do
    receive do
      :tick -> {:noreply, x}
    after
      0 -> {:noreply, x}
    end
  end
""",
    "a timer that could not be stopped has sent its message": """\
  def init(timer), do: {:ok, timer}
  def handle_cast(:stop, timer) do
    if Process.cancel_timer(timer) == false do
      receive do
        :tick -> :ok
      end
    end

    {:noreply, nil}
  end
""",
    "a public function calls the server it belongs to": """\
  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: __MODULE__)
  def get, do: GenServer.call(__MODULE__, :get)
  def init(x), do: {:ok, x}
  def handle_call(:get, _from, x), do: {:reply, x, x}
""",
}


@pytest.mark.parametrize("code", INNOCENT.values(), ids=INNOCENT.keys())
def test_innocent(code: str) -> None:
    """Sound code is not reported, by any rule."""
    project = Project.of({"lib/server.ex": HEAD + code + OTHERS})

    assert not project.unparsed
    assert [] == [(found.rule, found.line) for found in scan(project, all_rules()).findings]
