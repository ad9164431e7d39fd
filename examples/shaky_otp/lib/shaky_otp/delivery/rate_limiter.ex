defmodule ShakyOtp.Delivery.RateLimiter do
  @moduledoc """
  Limits how many parcels a carrier is asked to take per minute.
  """

  use GenServer

  @window :timer.minutes(1)

  def start_link(opts) do
    GenServer.start_link(__MODULE__, opts, name: Keyword.get(opts, :name, __MODULE__))
  end

  @doc "Runs `fun` on behalf of a carrier; `allow?/1` inside counts for that carrier."
  def with_carrier(carrier, fun) do
    Process.put(:carrier, carrier)
    fun.()
  end

  @doc "Takes one of the parcels that the current carrier may still be given."
  def allow?(limiter \\ __MODULE__) do
    carrier = Process.get(:carrier, "none")
    GenServer.call(limiter, {:take, carrier})
  end

  @impl true
  def init(opts) do
    limiter = self()
    spawn_link(fn -> sweep(limiter) end)
    {:ok, %{limit: Keyword.get(opts, :limit, :infinity), taken: %{}}}
  end

  @impl true
  def handle_call({:take, _carrier}, _from, %{limit: :infinity} = state) do
    {:reply, true, state}
  end

  def handle_call({:take, carrier}, _from, state) do
    taken = Map.get(state.taken, carrier, 0)

    if taken < state.limit do
      {:reply, true, put_in(state.taken[carrier], taken + 1)}
    else
      {:reply, false, state}
    end
  end

  @impl true
  def handle_info(:sweep, state), do: {:noreply, %{state | taken: %{}}}

  defp sweep(limiter) do
    Process.sleep(@window)
    send(limiter, :sweep)
    sweep(limiter)
  end
end
