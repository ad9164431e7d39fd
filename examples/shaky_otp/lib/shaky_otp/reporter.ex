defmodule ShakyOtp.Reporter do
  @moduledoc """
  Daily reports over the orders.
  """

  alias ShakyOtp.{Notifier, Orders}

  @doc "Sums up orders: their number, their revenue and the average, in cents."
  def totals(orders) do
    revenue = Task.async(fn -> orders |> Enum.map(& &1.total) |> Enum.sum() end) |> Task.await()
    count = length(orders)
    %{count: count, revenue: revenue, average: if(count > 0, do: div(revenue, count), else: 0)}
  end

  @doc "Builds the report of all orders and files it under `name`, without waiting for the file."
  def publish(name) do
    report = totals(Orders.list())
    Task.async(fn -> file(name, report) end)
    {:ok, report}
  end

  @doc "Builds and files the report in the background."
  def publish_later(name) do
    fn -> file(name, totals(Orders.list())) end |> spawn()
    :ok
  end

  @doc "Waits until the report `name` is filed, for a second at most."
  def await(name, tries \\ 100)

  def await(_name, 0), do: {:error, :timeout}

  def await(name, tries) do
    case Orders.report(name) do
      nil ->
        Process.sleep(10)
        await(name, tries - 1)

      report ->
        {:ok, report}
    end
  end

  defp file(name, report) do
    :ok = Orders.store_report(name, report)
    Notifier.publish("reports", {:filed, name})
  end
end
