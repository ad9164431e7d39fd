defmodule ShakyOtp.Orders do
  @moduledoc """
  Orders and all that belongs to them: stock, payments, coupons, loyalty points, notes, shipping,
  reports and numbers for the dashboard.
  """

  use GenServer

  alias ShakyOtp.{Notifier, PriceCache, Promotions}
  alias ShakyOtp.Delivery.Queue

  @statuses [:pending, :paid, :packed, :shipped, :delivered, :cancelled, :refunded]
  @payment_deadline :timer.minutes(15)
  @first_stock %{"book" => 100, "lamp" => 100, "mug" => 100, "pen" => 100}

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Places an order of `[{article, pieces}]`."
  def place(customer, items) do
    GenServer.call(__MODULE__, {:place, customer, items}, :infinity)
  end

  @doc "Returns an order."
  def get(id), do: GenServer.call(__MODULE__, {:get, id})

  @doc "Returns all orders, the oldest first."
  def list, do: GenServer.call(__MODULE__, :list)

  @doc "Cancels an order that is not paid yet and puts its articles back into stock."
  def cancel(id), do: GenServer.call(__MODULE__, {:cancel, id})

  @doc "Takes the money for an order."
  def charge(id, card), do: GenServer.call(__MODULE__, {:charge, id, card})

  @doc "Gives the money back."
  def refund(id), do: GenServer.call(__MODULE__, {:refund, id})

  @doc "Sets the status, as it comes from the back office: `\"packed\"`, `\"delivered\"`, …"
  def set_status(id, status) do
    GenServer.call(__MODULE__, {:set_status, id, String.to_atom(status)})
  end

  @doc "Applies a discount rule of `ShakyOtp.Promotions` to an unpaid order."
  def apply_coupon(id, rule), do: GenServer.call(__MODULE__, {:coupon, id, rule})

  @doc "Adds a note for the back office."
  def add_note(id, text), do: GenServer.call(__MODULE__, {:note, id, text})

  @doc "Returns the notes of an order, the oldest first."
  def notes(id), do: GenServer.call(__MODULE__, {:notes, id})

  @doc "Returns how many pieces are in stock."
  def stock(sku), do: GenServer.call(__MODULE__, {:stock, sku})

  @doc "Puts pieces into stock."
  def restock(sku, pieces), do: GenServer.cast(__MODULE__, {:restock, sku, pieces})

  @doc "Returns the loyalty points of a customer: one for each euro paid."
  def points(customer), do: GenServer.call(__MODULE__, {:points, customer})

  @doc "Hands a paid order over to the delivery queue."
  def ship(id), do: GenServer.call(__MODULE__, {:ship, id})

  @doc "Notes that an order has reached the customer."
  def delivered(id), do: GenServer.cast(__MODULE__, {:delivered, id})

  @doc "Returns the numbers of the dashboard."
  def stats, do: GenServer.call(__MODULE__, :stats)

  @doc "Files a report."
  def store_report(name, report), do: GenServer.call(__MODULE__, {:store_report, name, report})

  @doc "Returns a filed report, if there is one."
  def report(name), do: GenServer.call(__MODULE__, {:report, name})

  @impl true
  def init(_opts) do
    {:ok, %{next: 1, orders: %{}, stock: @first_stock, points: %{}, notes: %{}, reports: %{}}}
  end

  @impl true
  def handle_call({:place, customer, items}, _from, state) do
    with {:ok, stock} <- take_stock(state.stock, items),
         {:ok, total} <- total(items) do
      order = %{
        id: state.next,
        customer: customer,
        items: items,
        total: total,
        status: :pending
      }

      # spawn_link would take the shop down with a broken mail server
      spawn(fn -> Notifier.order_placed(order) end)
      Process.send_after(self(), {:payment_due, order.id}, @payment_deadline)
      state = %{state | next: order.id + 1, stock: stock}
      {:reply, {:ok, order}, put_order(state, order)}
    else
      error -> {:reply, error, state}
    end
  end

  def handle_call({:get, id}, _from, state), do: {:reply, Map.fetch(state.orders, id), state}

  def handle_call(:list, _from, state) do
    {:reply, state.orders |> Map.values() |> Enum.sort_by(& &1.id), state}
  end

  def handle_call({:cancel, id}, _from, state) do
    case state.orders do
      %{^id => %{status: :pending} = order} -> {:reply, :ok, undo(state, order)}
      _ -> {:reply, {:error, :not_cancellable}, state}
    end
  end

  def handle_call({:charge, id, card}, _from, state) do
    case state.orders do
      %{^id => %{status: :pending} = order} ->
        # the gateway is not ready right after the order
        Process.sleep(20)
        pay(state, order, card)

      _ ->
        {:reply, {:error, :not_payable}, state}
    end
  end

  def handle_call({:refund, id}, _from, state) do
    case state.orders do
      %{^id => %{status: :paid} = order} ->
        points = Map.update!(state.points, order.customer, &(&1 - div(order.total, 100)))
        {:reply, :ok, put_order(%{state | points: points}, %{order | status: :refunded})}

      _ ->
        {:reply, {:error, :not_paid}, state}
    end
  end

  def handle_call({:set_status, id, status}, _from, state) when status in @statuses do
    case state.orders do
      %{^id => order} -> {:reply, :ok, put_order(state, %{order | status: status})}
      _ -> {:reply, {:error, :no_order}, state}
    end
  end

  def handle_call({:set_status, _id, _status}, _from, state) do
    {:reply, {:error, :unknown_status}, state}
  end

  def handle_call({:coupon, id, rule}, _from, state) do
    with %{^id => %{status: :pending} = order} <- state.orders,
         {:ok, total} <- Promotions.apply_rule(rule, order.total) do
      {:reply, {:ok, total}, put_order(state, %{order | total: total})}
    else
      {:error, message} -> {:reply, {:error, message}, state}
      _ -> {:reply, {:error, :not_payable}, state}
    end
  end

  def handle_call({:note, id, text}, _from, state) do
    notes = Map.update(state.notes, id, [text], &Enum.take([text | &1], 50))
    {:reply, :ok, %{state | notes: notes}}
  end

  def handle_call({:notes, id}, _from, state) do
    {:reply, state.notes |> Map.get(id, []) |> Enum.reverse(), state}
  end

  def handle_call({:stock, sku}, _from, state), do: {:reply, Map.get(state.stock, sku, 0), state}

  def handle_call({:points, customer}, _from, state) do
    {:reply, Map.get(state.points, customer, 0), state}
  end

  def handle_call({:ship, id}, _from, state) do
    case state.orders do
      %{^id => %{status: :paid} = order} ->
        Queue.enqueue(id, fn -> hand_over(order) end)
        {:reply, :ok, put_order(state, %{order | status: :shipped})}

      _ ->
        {:reply, {:error, :not_paid}, state}
    end
  end

  def handle_call(:stats, _from, state) do
    stats = state.orders |> Map.values() |> Enum.frequencies_by(& &1.status)
    {:reply, stats, state}
  end

  def handle_call({:store_report, name, report}, _from, state) do
    {:reply, :ok, put_in(state.reports[name], report)}
  end

  def handle_call({:report, name}, _from, state), do: {:reply, state.reports[name], state}

  @impl true
  def handle_cast({:restock, sku, pieces}, state) do
    {:noreply, %{state | stock: Map.update(state.stock, sku, pieces, &(&1 + pieces))}}
  end

  def handle_cast({:delivered, id}, state) do
    case state.orders do
      %{^id => order} -> {:noreply, put_order(state, %{order | status: :delivered})}
      _ -> {:noreply, state}
    end
  end

  @impl true
  def handle_info({:payment_due, id}, state) do
    case state.orders do
      %{^id => %{status: :pending} = order} -> {:noreply, undo(state, order)}
      _ -> {:noreply, state}
    end
  end

  defp take_stock(stock, items) do
    Enum.reduce_while(items, {:ok, stock}, fn {sku, pieces}, {:ok, stock} ->
      case stock do
        %{^sku => there} when there >= pieces -> {:cont, {:ok, %{stock | sku => there - pieces}}}
        _ -> {:halt, {:error, {:out_of_stock, sku}}}
      end
    end)
  end

  defp total(items) do
    Enum.reduce_while(items, {:ok, 0}, fn {sku, pieces}, {:ok, sum} ->
      case PriceCache.price(sku) do
        {:ok, cents} -> {:cont, {:ok, sum + cents * pieces}}
        :error -> {:halt, {:error, {:no_price, sku}}}
      end
    end)
  end

  defp pay(state, _order, "4000" <> _declined), do: {:reply, {:error, :declined}, state}

  defp pay(state, order, _card) do
    earned = div(order.total, 100)
    points = Map.update(state.points, order.customer, earned, &(&1 + earned))
    {:reply, :ok, put_order(%{state | points: points}, %{order | status: :paid})}
  end

  defp undo(state, order) do
    stock =
      Enum.reduce(order.items, state.stock, fn {sku, pieces}, stock ->
        Map.update!(stock, sku, &(&1 + pieces))
      end)

    put_order(%{state | stock: stock}, %{order | status: :cancelled})
  end

  defp hand_over(order) do
    Notifier.publish("delivery", {:handed_over, order.id})
    delivered(order.id)
  end

  defp put_order(state, order), do: put_in(state.orders[order.id], order)
end
