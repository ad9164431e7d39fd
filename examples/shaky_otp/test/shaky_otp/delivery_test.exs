defmodule ShakyOtp.DeliveryTest do
  use ExUnit.Case, async: false

  alias ShakyOtp.Delivery.{Queue, RateLimiter}

  test "jobs run side by side" do
    queue = start_supervised!({Queue, name: :side_by_side})
    test = self()

    for id <- [1, 2] do
      Queue.enqueue(queue, id, fn ->
        send(test, {:started, id, self()})
        receive do: (:go -> :ok)
      end)
    end

    assert_receive {:started, 1, one}, 1_000
    assert_receive {:started, 2, two}, 1_000
    assert Queue.running(queue) == [1, 2]
    Enum.each([one, two], &send(&1, :go))
    assert Queue.drain(queue) == []
    assert Queue.running(queue) == []
  end

  test "failed jobs are reported once and hurt nobody else" do
    queue = start_supervised!({Queue, name: :failing})
    Queue.enqueue(queue, :good, fn -> :ok end)
    Queue.enqueue(queue, :bad, fn -> raise "no such address" end)

    assert Queue.drain(queue) == [:bad]
    assert Queue.drain(queue) == []
  end

  test "a carrier gets no more than its limit in a window" do
    limiter = start_supervised!({RateLimiter, name: :limited, limit: 2})

    taken =
      RateLimiter.with_carrier("bike", fn ->
        for _ <- 1..3, do: RateLimiter.allow?(limiter)
      end)

    assert taken == [true, true, false]
    assert RateLimiter.with_carrier("van", fn -> RateLimiter.allow?(limiter) end)
    send(limiter, :sweep)
    assert RateLimiter.with_carrier("bike", fn -> RateLimiter.allow?(limiter) end)
  end
end
