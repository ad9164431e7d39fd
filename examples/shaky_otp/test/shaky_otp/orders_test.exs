defmodule ShakyOtp.OrdersTest do
  use ExUnit.Case, async: false

  alias ShakyOtp.{Notifier, Orders}

  test "an order costs what its articles cost and takes them out of stock" do
    before = Orders.stock("pen")
    {:ok, order} = Orders.place("ann", [{"pen", 2}, {"book", 1}])

    assert order.total == 2_000
    assert order.status == :pending
    assert Orders.stock("pen") == before - 2
    Orders.add_note(order.id, "call first")
    Orders.add_note(order.id, "called")
    assert Orders.notes(order.id) == ["call first", "called"]
    assert Orders.get(order.id) == {:ok, order}
    assert order in Orders.list()
  end

  test "what is not in stock cannot be ordered" do
    before = Orders.stock("lamp")

    assert Orders.place("ann", [{"lamp", 1}, {"sofa", 1}]) == {:error, {:out_of_stock, "sofa"}}
    assert Orders.stock("lamp") == before
  end

  test "an article without a price cannot be ordered" do
    Orders.restock("rug", 3)

    assert Orders.place("ann", [{"rug", 1}]) == {:error, {:no_price, "rug"}}
    assert Orders.stock("rug") == 3
  end

  test "a new order is announced and the customer gets a mail" do
    :ok = Notifier.subscribe("orders")
    :ok = Notifier.subscribe("mail")
    {:ok, %{id: id}} = Orders.place("bea@example.org", [{"mug", 1}])
    subject = "Order #{id}"

    assert_receive {:notification, {:order_placed, ^id}}, 1_000
    assert_receive {:notification, {:email_sent, "bea@example.org", ^subject}}, 1_000
  end

  test "a paid order earns a point per euro, a refund takes them back" do
    {:ok, order} = Orders.place("carl", [{"book", 2}])

    assert Orders.charge(order.id, "4000 0000") == {:error, :declined}
    assert Orders.charge(order.id, "4242") == :ok
    assert Orders.points("carl") == 30
    assert Orders.charge(order.id, "4242") == {:error, :not_payable}
    assert Orders.refund(order.id) == :ok
    assert Orders.points("carl") == 0
    assert Orders.refund(order.id) == {:error, :not_paid}
  end

  test "a cancelled order puts its articles back" do
    before = Orders.stock("mug")
    {:ok, order} = Orders.place("ed", [{"mug", 4}])

    assert Orders.cancel(order.id) == :ok
    assert Orders.stock("mug") == before
    assert Orders.cancel(order.id) == {:error, :not_cancellable}
  end

  test "an order that is not paid in time is cancelled" do
    {:ok, order} = Orders.place("eve", [{"mug", 1}])
    send(Orders, {:payment_due, order.id})

    assert {:ok, %{status: :cancelled}} = Orders.get(order.id)
  end

  test "the back office sets only statuses that exist" do
    {:ok, order} = Orders.place("fay", [{"pen", 1}])

    assert Orders.set_status(order.id, "packed") == :ok
    assert {:ok, %{status: :packed}} = Orders.get(order.id)
    assert Orders.set_status(order.id, "error") == {:error, :unknown_status}
    assert Orders.set_status(-1, "packed") == {:error, :no_order}
  end

  test "a coupon changes the total of an unpaid order" do
    {:ok, order} = Orders.place("gus", [{"lamp", 1}])

    assert Orders.apply_coupon(order.id, "total - 900") == {:ok, 4_000}
    assert {:error, "a rule is arithmetic" <> _} = Orders.apply_coupon(order.id, "spawn(total)")
    assert {:ok, %{total: 4_000}} = Orders.get(order.id)
  end

  test "a paid order is shipped and then delivered" do
    :ok = Notifier.subscribe("delivery")
    {:ok, %{id: id}} = Orders.place("ida", [{"pen", 1}])

    assert Orders.ship(id) == {:error, :not_paid}
    :ok = Orders.charge(id, "4242")
    assert Orders.ship(id) == :ok
    assert_receive {:notification, {:handed_over, ^id}}, 1_000
    ShakyOtp.Delivery.Queue.drain()
    assert {:ok, %{status: :delivered}} = Orders.get(id)
    assert Orders.stats().delivered >= 1
  end
end
