defmodule ShakyOtp.Carts do
  @moduledoc """
  Shopping carts. A cart belongs to the process that opened it, usually a web socket.
  """

  use GenServer

  alias ShakyOtp.PriceCache

  @currencies [:eur, :usd, :gbp]

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Opens an empty cart for `owner`."
  def open(owner \\ self()), do: GenServer.call(__MODULE__, {:open, owner})

  @doc "Puts a number of pieces into the cart."
  def add(cart, sku, quantity) when quantity > 0 do
    GenServer.call(__MODULE__, {:add, cart, sku, quantity})
  end

  @doc "Chooses the currency, as it comes from the form: `\"eur\"`, `\"usd\"` or `\"gbp\"`."
  def choose_currency(cart, currency) do
    GenServer.call(__MODULE__, {:currency, cart, String.to_atom(currency)})
  end

  @doc "Returns what is in the cart."
  def contents(cart), do: GenServer.call(__MODULE__, {:contents, cart})

  @doc "Takes the cart out and returns its items, ready for an order."
  def checkout(cart) do
    with {:ok, contents} <- GenServer.call(__MODULE__, {:checkout, cart}) do
      Task.start(fn -> PriceCache.refresh(Map.keys(contents.items)) end)
      {:ok, Enum.sort(contents.items)}
    end
  end

  @impl true
  def init(_opts), do: {:ok, %{next: 1, carts: %{}}}

  @impl true
  def handle_call({:open, owner}, _from, state) do
    Process.monitor(owner)
    cart = %{owner: owner, items: %{}, currency: :eur}
    {:reply, state.next, %{state | next: state.next + 1, carts: put(state, state.next, cart)}}
  end

  def handle_call({:add, id, sku, quantity}, _from, state) do
    change(state, id, fn cart ->
      update_in(cart.items, &Map.update(&1, sku, quantity, fn count -> count + quantity end))
    end)
  end

  def handle_call({:currency, id, currency}, _from, state) when currency in @currencies do
    change(state, id, &%{&1 | currency: currency})
  end

  def handle_call({:currency, _id, _currency}, _from, state) do
    {:reply, {:error, :unknown_currency}, state}
  end

  def handle_call({:contents, id}, _from, state) do
    {:reply, fetch(state, id), state}
  end

  def handle_call({:checkout, id}, _from, state) do
    {:reply, fetch(state, id), %{state | carts: Map.delete(state.carts, id)}}
  end

  defp change(state, id, fun) do
    case fetch(state, id) do
      {:ok, cart} -> {:reply, :ok, %{state | carts: put(state, id, fun.(cart))}}
      error -> {:reply, error, state}
    end
  end

  defp fetch(state, id) do
    with :error <- Map.fetch(state.carts, id), do: {:error, :no_cart}
  end

  defp put(state, id, cart), do: Map.put(state.carts, id, cart)
end
