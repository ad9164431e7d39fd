"""What is found in Elixir files, and what only looks like it."""

from __future__ import annotations

import pytest

from languages.reading import facts, imports, one, rows

MODULE = r'''
defmodule Shop.Cart do
  @moduledoc "def not_me(x), do: x"
  use GenServer, restart: :transient
  @behaviour Shop.Priced
  alias Shop.{Item, Tax.Rate}
  alias Shop.Order, as: O
  import Enum, only: [map: 2]
  require Logger

  defstruct items: [], total: 0

  @callback price(item :: term) :: integer
  @macrocallback show(term) :: Macro.t()

  @doc """
  def in_a_heredoc(x), do: x
  """
  @spec add(t, Item.t()) :: t
  def add(cart, item, opts \\ [])

  # def in_a_comment(x), do: x
  def add(%__MODULE__{} = cart, %Item{} = item, _opts) when is_map(item) do
    O.place(cart, fn -> Rate.of(item) end)
  end

  def add(cart, nil, _), do: cart

  @impl true
  def init(state), do: {:ok, state}
  def empty?, do: true
  def clear!(cart), do: ~s(def in_a_sigil, do: 1) <> cart
  defp total(%{items: items}), do: Enum.sum(items)
  defp total, do: 0
  defdelegate size(cart), to: O, as: :count
  defmacro assert_paid(cart), do: quote(do: unquote(cart).paid)
  defmacrop hidden(x), do: x
  defguard is_full(c) when length(c) > 9
  defguardp is_odd(c) when rem(c, 2) == 1
  def left + right, do: {left, right}
  def unquote(:made)(x), do: x

  defmacro __using__(_opts) do
    quote do
      def injected(x), do: x
    end
  end

  defmodule Line do
    def new(cart), do: cart
    defp secret, do: Line

    defmodule Deep do
      def well, do: :ok
    end
  end

  def after_nested, do: Line.new(1)
end

defprotocol Shop.Shown do
  def show(thing)
end

defimpl Shop.Shown, for: Shop.Cart do
  def show(cart), do: inspect(cart)
end

defmodule Shop.Failed do
  defexception [:message]
end
'''


def test_everything_that_is_defined() -> None:
    """Clauses are one function, nesting gives full names, `quote` belongs to others."""
    assert rows("cart.ex", MODULE) == [
        "1 module Shop.Cart",
        "1 class Shop.Cart",
        "1 interface Shop.Cart",
        "19 function Shop.Cart.add",
        "29 function Shop.Cart.init",
        "30 function Shop.Cart.empty?",
        "31 function Shop.Cart.clear!",
        "32 function -Shop.Cart.total",
        "33 function -Shop.Cart.total",
        "34 function Shop.Cart.size",
        "35 macro Shop.Cart.assert_paid",
        "36 macro -Shop.Cart.hidden",
        "37 macro Shop.Cart.is_full",
        "38 macro -Shop.Cart.is_odd",
        "39 function Shop.Cart.+",
        "42 macro Shop.Cart.__using__",
        "48 module Shop.Cart.Line",
        "49 function Shop.Cart.Line.new",
        "50 function -Shop.Cart.Line.secret",
        "52 module Shop.Cart.Line.Deep",
        "53 function Shop.Cart.Line.Deep.well",
        "57 function Shop.Cart.after_nested",
        "60 module Shop.Shown",
        "60 interface Shop.Shown",
        "61 function Shop.Shown.show",
        "64 module Shop.Shown.Shop.Cart",
        "65 function Shop.Shown.Shop.Cart.show",
        "68 module Shop.Failed",
        "68 class Shop.Failed",
    ]


def test_the_clauses_of_a_function() -> None:
    """One function with its arity, the lines of its clauses, its signature and what is before."""
    add = one("cart.ex", MODULE, "add")

    assert ("def add(cart, item, opts \\\\ [])", 3, 3, (22, 26), 26, ("doc", "spec")) == (
        add.signature, add.arity, add.clauses, add.further, add.end_line, add.marks,
    )  # fmt: skip
    assert ("impl",) == one("cart.ex", MODULE, "init").marks
    assert () == one("cart.ex", MODULE, "empty?").marks
    assert [1, 0] == [
        each.arity for each in facts("cart.ex", MODULE).definitions if each.name == "total"
    ]


def test_signatures_end_where_the_body_begins() -> None:
    """Guards belong to a signature, `do` and `do:` do not."""
    text = """
    defmodule A do
      def f(x) when x > 1, do: x
      def g(x) when x > 1 do
        x
      end
      defdelegate h(x), to: B
    end
    """

    assert ["def f(x) when x > 1", "def g(x) when x > 1", "defdelegate h(x), to: B"] == [
        each.signature for each in facts("a.ex", text).definitions if each.kind == "function"
    ]


def test_what_modules_are() -> None:
    """Behaviours by `use` and `@behaviour`; structs, exceptions; callbacks and protocols."""
    found = {(each.full, each.kind): each for each in facts("c.ex", MODULE).definitions}

    assert ("GenServer", "Shop.Priced") == found["Shop.Cart", "module"].bases
    assert ("struct", "exception") == (
        found["Shop.Cart", "class"].form, found["Shop.Failed", "class"].form,
    )  # fmt: skip
    behaviour, protocol = found["Shop.Cart", "interface"], found["Shop.Shown", "interface"]
    assert ("behaviour", ("price", "show")) == (behaviour.form, behaviour.members)
    assert ("protocol", ("show",)) == (protocol.form, protocol.members)


def test_what_is_named_of_others() -> None:
    """Aliases give full names, also several at once and renamed; each target counts once a kind."""
    assert imports("cart.ex", MODULE) == [
        "3 use GenServer",
        "4 behaviour Shop.Priced",
        "5 alias Shop.Item",
        "5 alias Shop.Tax.Rate",
        "6 alias Shop.Order",
        "6 reference Shop.Order",
        "7 import Enum",
        "8 require Logger",
        "13 reference Macro",
        "18 reference Shop.Item",
        "23 reference Shop.Tax.Rate",
        "32 reference Enum",
        "50 reference Shop.Cart.Line",
        "64 implements Shop.Shown",
        "64 reference Shop.Cart",
    ]


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("defmodule A do\n alias B.C\n def f, do: C.D.g()\nend", ["B.C", "B.C.D"]),
        ("defmodule A do\n alias __MODULE__.C\n def f, do: C.g()\nend", ["A.C"]),
        ("defmodule A do\n def f, do: __MODULE__.C.g()\nend", ["A.C"]),
        (
            "defmodule A do\n def f do\n alias B.C\n C.x()\n end\n def g, do: C.x()\nend",
            ["B.C", "C"],
        ),
        ("alias A.{\n  B,\n  # not D\n  C.E\n}", ["A.B", "A.C.E"]),
        ("alias A, as: B\nalias B.C\nC.x()", ["A", "A.C"]),
        ("import Elixir.A.B", ["A.B"]),
        ("defmodule A do\n defmodule B do\n end\n def f, do: B.x()\nend\nB.y()", ["A.B", "B"]),
        ("%A.B{} = &C.d/1\n[D, {E, []}]", ["A.B", "C", "D", "E"]),
        ('"#{A.b()} not B.c()" # C.d()', ["A"]),
        ("Enum.map(x, fn use -> use end)\n:erlang.self()", ["Enum"]),
    ],
)
def test_how_names_are_expanded(text: str, targets: list[str]) -> None:
    """An alias counts from where it stands to the end of its block."""
    assert targets == list(dict.fromkeys(each.target for each in facts("a.ex", text).imports))


def test_where_a_name_stands() -> None:
    """In code only, atoms too; the column counts characters."""
    text = 'def go(x), do: "é" <> go(x) # go\n@doc "go"\n&Run.go/1\n:go'
    found = facts("a.ex", text, "go").references

    assert [(1, 5), (1, 23), (3, 6), (4, 2)] == [(each.line, each.column) for each in found]


def test_what_cannot_be_read_to_the_end() -> None:
    """The problem is told, and what could be read is there."""
    found = facts("a.ex", "defmodule A do\n  def f(x), do: x\n  def g(, do: %{\nend\n")

    assert "the grammar makes no sense" in found.problem
    assert "" == facts("a.ex", MODULE).problem
