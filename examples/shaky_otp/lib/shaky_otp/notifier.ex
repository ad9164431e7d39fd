defmodule ShakyOtp.Notifier do
  @moduledoc """
  Tells subscribers and customers what happens to orders.

  Every delivery runs on its own, as in `spawn(fn -> deliver(subscriber, message) end)`, so that a
  slow subscriber holds nobody up.
  """

  use GenServer

  require Logger

  alias ShakyOtp.Process

  @channels [:channel_orders, :channel_delivery, :channel_mail, :channel_reports]

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "The channels that can be subscribed to."
  def channels, do: @channels

  @doc "Subscribes a process to a channel by its short name, such as `\"orders\"`."
  def subscribe(name, pid \\ self()) do
    GenServer.call(__MODULE__, {:subscribe, :"channel_#{name}", pid})
  end

  @doc "Sends a message to all subscribers of a channel, each from a process of its own."
  def publish(name, message) do
    subscribers = GenServer.call(__MODULE__, {:subscribers, "channel_" <> name})

    Enum.each(subscribers, fn subscriber ->
      spawn(fn -> deliver(subscriber, message) end)
    end)
  end

  @doc "Announces a new order and writes to the customer."
  def order_placed(order) do
    publish("orders", {:order_placed, order.id})
    email(order.customer, "Order #{order.id}", "Thank you, we are on it.")
  end

  @doc "Writes an e-mail without keeping the caller waiting."
  def email(to, subject, body) do
    spawn(__MODULE__, :send_email, [to, subject, body])
    :ok
  end

  @doc "Hands an e-mail to the mail server."
  def send_email(to, subject, body) do
    Logger.info("mail to #{to}: #{subject} (#{byte_size(body)} bytes)")
    publish("mail", {:email_sent, to, subject})
  end

  @doc "Tells the customer how far the fulfilment is, and remembers having done so."
  def progress(process, customer) do
    carrier = Process.get(process, :carrier) || "our warehouse"
    text = "#{length(process.done)} steps done, now with #{carrier}"
    Task.start(fn -> email(customer, "Your order #{process.order_id}", text) end)
    Process.put(process, :told, length(process.done))
  end

  defp deliver(subscriber, message) do
    send(subscriber, {:notification, message})
  end

  @impl true
  def init(_opts), do: {:ok, %{}}

  @impl true
  def handle_call({:subscribe, channel, _pid}, _from, subscribers)
      when channel not in @channels do
    {:reply, {:error, :unknown_channel}, subscribers}
  end

  def handle_call({:subscribe, channel, pid}, _from, subscribers) do
    channels = Map.get(subscribers, pid, [])
    {:reply, :ok, Map.put(subscribers, pid, Enum.uniq([channel | channels]))}
  end

  def handle_call({:subscribers, channel}, _from, subscribers) do
    pids = for {pid, names} <- subscribers, channel in Enum.map(names, &to_string/1), do: pid
    {:reply, pids, subscribers}
  end
end
