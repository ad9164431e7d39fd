defmodule ShakyOtp.Delivery.Supervisor do
  @moduledoc """
  Everything that brings parcels on their way.
  """

  use Supervisor

  def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(_opts) do
    children = [
      {ShakyOtp.Delivery.RateLimiter, limit: 100},
      ShakyOtp.Delivery.Queue
    ]

    Supervisor.init(children, strategy: :one_for_one)
  end
end
