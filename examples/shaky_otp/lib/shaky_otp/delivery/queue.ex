defmodule ShakyOtp.Delivery.Queue do
  @moduledoc """
  Runs delivery jobs side by side and knows which of them failed.
  """

  use GenServer

  def start_link(opts) do
    GenServer.start_link(__MODULE__, [], name: Keyword.get(opts, :name, __MODULE__))
  end

  @doc "Runs `work` as the job `id`."
  def enqueue(queue \\ __MODULE__, id, work) when is_function(work, 0) do
    GenServer.cast(queue, {:enqueue, id, work})
  end

  @doc "Waits until no job is running and returns the ids of those that failed."
  def drain(queue \\ __MODULE__) do
    queue |> GenServer.call(:drain, :infinity)
  end

  @doc "Returns the ids of the running jobs."
  def running(queue \\ __MODULE__), do: GenServer.call(queue, :running)

  @impl true
  def init(_opts) do
    {:ok, %{running: %{}, finished: MapSet.new(), failed: [], waiting: []}}
  end

  @impl true
  def handle_call(:drain, from, state) do
    {:noreply, answer(%{state | waiting: [from | state.waiting]})}
  end

  def handle_call(:running, _from, state) do
    {:reply, state.running |> Map.values() |> Enum.sort(), state}
  end

  @impl true
  def handle_cast({:enqueue, id, work}, state) do
    queue = self()

    pid =
      spawn(fn ->
        work.()
        GenServer.cast(queue, {:finished, id})
      end)

    ref = Process.monitor(pid)
    {:noreply, put_in(state.running[ref], id)}
  end

  def handle_cast({:finished, id}, state) do
    {:noreply, %{state | finished: MapSet.put(state.finished, id)}}
  end

  @impl true
  def handle_info({:DOWN, ref, :process, _pid, _reason}, state) do
    {id, running} = Map.pop(state.running, ref)
    state = %{state | running: running}

    if id in state.finished do
      {:noreply, answer(%{state | finished: MapSet.delete(state.finished, id)})}
    else
      {:noreply, answer(%{state | failed: [id | state.failed]})}
    end
  end

  defp answer(%{running: running} = state) when map_size(running) == 0 do
    Enum.each(state.waiting, &GenServer.reply(&1, Enum.sort(state.failed)))
    if state.waiting == [], do: state, else: %{state | waiting: [], failed: []}
  end

  defp answer(state), do: state
end
