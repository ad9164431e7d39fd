defmodule ShakyOtp.NumbersTest do
  use ExUnit.Case, async: false

  alias ShakyOtp.{Notifier, PriceCache, Promotions, Reporter}

  test "prices can be set, reduced and counted" do
    :ok = PriceCache.put("clock", 2_000)
    before = PriceCache.hits("clock")

    assert PriceCache.discount("clock", 25) == {:ok, 1_500}
    assert PriceCache.price("clock") == {:ok, 1_500}
    assert PriceCache.hits("clock") == before + 1
    assert PriceCache.price("unicorn") == :error
    assert PriceCache.discount("unicorn", 5) == :error
  end

  test "a rule is arithmetic over the total" do
    assert Promotions.apply_rule("total - 500", 2_000) == {:ok, 1_500}
    assert Promotions.apply_rule("total * 2 + 1", 10) == {:ok, 21}
    assert Promotions.apply_rule("total - 500", 100) == {:ok, 0}
    assert {:error, "a rule knows only" <> _} = Promotions.apply_rule("\"free\"", 100)
    assert {:error, "the rule cannot be read"} = Promotions.apply_rule("total -", 100)
  end

  test "totals are revenue, number and average" do
    assert Reporter.totals([%{total: 100}, %{total: 300}]) == %{
             count: 2,
             revenue: 400,
             average: 200
           }

    assert Reporter.totals([]) == %{count: 0, revenue: 0, average: 0}
  end

  test "a published report is filed in the background" do
    :ok = Notifier.subscribe("reports")
    {:ok, report} = Reporter.publish("monday")

    assert_receive {:notification, {:filed, "monday"}}, 1_000
    assert Reporter.await("monday") == {:ok, report}
  end

  test "a report can be built later" do
    :ok = Reporter.publish_later("tuesday")

    assert {:ok, %{count: _, revenue: _}} = Reporter.await("tuesday")
    assert Reporter.await("never", 1) == {:error, :timeout}
  end
end
