defmodule ShakyOtp.CustomersTest do
  use ExUnit.Case, async: false

  alias ShakyOtp.{Carts, Notifier, Sessions}
  alias ShakyOtp.Process, as: Fulfilment

  test "a cart collects pieces until checkout" do
    cart = Carts.open()
    :ok = Carts.add(cart, "pen", 1)
    :ok = Carts.add(cart, "mug", 1)
    :ok = Carts.add(cart, "pen", 2)

    assert Carts.checkout(cart) == {:ok, [{"mug", 1}, {"pen", 3}]}
    assert Carts.checkout(cart) == {:error, :no_cart}
    assert Carts.add(cart, "pen", 1) == {:error, :no_cart}
  end

  test "a cart is in one of the known currencies" do
    cart = Carts.open()

    assert Carts.choose_currency(cart, "usd") == :ok
    assert {:ok, %{currency: :usd}} = Carts.contents(cart)
    assert Carts.choose_currency(cart, "pending") == {:error, :unknown_currency}
  end

  test "carts outlive the process that opened them" do
    test = self()
    owner = spawn(fn -> send(test, {:cart, Carts.open()}) end)
    ref = Process.monitor(owner)
    assert_receive {:cart, cart}, 1_000
    assert_receive {:DOWN, ^ref, :process, _pid, _reason}, 1_000

    assert Carts.add(cart, "pen", 1) == :ok
  end

  test "a session lasts until logout" do
    :ok = Sessions.login("jo", "clerk")

    assert Sessions.role("jo") == {:ok, :clerk}
    Sessions.logout("jo")
    assert Sessions.role("jo") == {:error, :"no session"}
  end

  test "a session ends with its process" do
    browser = spawn(fn -> :ok end)
    ref = Process.monitor(browser)
    assert_receive {:DOWN, ^ref, :process, _pid, _reason}, 1_000
    :ok = Sessions.login("kim", "customer", browser)

    assert Sessions.role("kim") == {:error, :"no session"}
  end

  test "a second login replaces the first" do
    before = Sessions.count()
    :ok = Sessions.login("lea", "customer")
    :ok = Sessions.login("lea", "admin")

    assert Sessions.role("lea") == {:ok, :admin}
    assert Sessions.count() == before + 1
    Sessions.logout("lea")
  end

  test "a customer hears how far the fulfilment is" do
    :ok = Notifier.subscribe("mail")

    {:ok, process} =
      7 |> Fulfilment.spawn() |> Fulfilment.put(:carrier, "bike") |> Fulfilment.advance()

    told = Notifier.progress(process, "max@example.org")

    assert Fulfilment.get(told, :told) == 1
    assert Fulfilment.restart(told).done == []
    assert_receive {:notification, {:email_sent, "max@example.org", "Your order 7"}}, 1_000
  end
end
