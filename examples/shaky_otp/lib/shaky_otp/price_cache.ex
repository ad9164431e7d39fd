defmodule ShakyOtp.PriceCache do
  @moduledoc """
  Prices in cents, kept in ETS so that every process can read them without a round trip.
  """

  use GenServer

  require Logger

  @table :shaky_prices
  @catalogue %{"book" => 1_500, "lamp" => 4_900, "mug" => 900, "pen" => 250}

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Returns the price of one piece, or `:error` for an unknown article."
  def price(sku) do
    case :ets.lookup(@table, sku) do
      [{^sku, cents}] ->
        count_hit(sku)
        {:ok, cents}

      [] ->
        :error
    end
  end

  @doc "Sets the price of an article."
  def put(sku, cents) when is_integer(cents) and cents >= 0 do
    :ets.insert(@table, {sku, cents})
    :ok
  end

  @doc "Takes `percent` off the price of an article."
  def discount(sku, percent) when percent in 0..100 do
    case :ets.lookup(@table, sku) do
      [{^sku, cents}] ->
        reduced = cents - div(cents * percent, 100)
        :ets.insert(@table, {sku, reduced})
        {:ok, reduced}

      [] ->
        :error
    end
  end

  @doc "Puts the catalogue prices of these articles back into the cache."
  def refresh(skus) do
    for sku <- skus, cents = @catalogue[sku], do: :ets.insert(@table, {sku, cents})
    :ok
  end

  @doc "How often the price of an article was asked for."
  def hits(sku) do
    case :ets.lookup(@table, {:hits, sku}) do
      [{_key, count}] -> count
      [] -> 0
    end
  end

  # The counter is bumped in one step, so that no hit is lost between readers.
  defp count_hit(sku) do
    :ets.update_counter(@table, {:hits, sku}, 1, {{:hits, sku}, 0})
  end

  @impl true
  def init(_opts) do
    :ets.new(@table, [:named_table, :public, :set, read_concurrency: true])
    :ets.insert(@table, Map.to_list(@catalogue))
    send(self(), :announce)
    {:ok, %{articles: map_size(@catalogue)}}
  end

  @impl true
  def handle_info(:announce, state) do
    Logger.debug("price cache holds #{state.articles} articles")
    {:noreply, state}
  end

  def handle_info(message, state) do
    Logger.warning("price cache ignores #{inspect(message)}")
    {:noreply, state}
  end
end
