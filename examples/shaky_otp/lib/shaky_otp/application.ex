defmodule ShakyOtp.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      ShakyOtp.PriceCache,
      ShakyOtp.Notifier,
      ShakyOtp.Sessions,
      ShakyOtp.Carts,
      ShakyOtp.Delivery.Supervisor,
      ShakyOtp.Orders
    ]

    Supervisor.start_link(children, strategy: :rest_for_one, name: ShakyOtp.Supervisor)
  end
end
