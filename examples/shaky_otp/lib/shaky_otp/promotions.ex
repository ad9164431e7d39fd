defmodule ShakyOtp.Promotions do
  @moduledoc """
  Discount rules that the shop owner types in: arithmetic over `total`, such as `total - 500`.
  """

  @forbidden quote(do: [spawn(task), spawn_link(task), send(target, message), exit(reason)])
  @names for {name, _meta, _args} <- @forbidden, do: name

  @doc "Applies a rule to a total in cents; never goes below zero."
  def apply_rule(rule, total) do
    with {:ok, ast} <- Code.string_to_quoted(rule, existing_atoms_only: true),
         {:ok, value} <- evaluate(ast, total) do
      {:ok, max(value, 0)}
    else
      {:error, {_meta, _message, _token}} -> {:error, "the rule cannot be read"}
      {:error, message} -> {:error, message}
    end
  end

  defp evaluate(number, _total) when is_integer(number), do: {:ok, number}
  defp evaluate({:total, _meta, context}, total) when is_atom(context), do: {:ok, total}

  defp evaluate({operator, _meta, [left, right]}, total) when operator in [:+, :-, :*] do
    with {:ok, left} <- evaluate(left, total), {:ok, right} <- evaluate(right, total) do
      {:ok, apply(Kernel, operator, [left, right])}
    end
  end

  defp evaluate({name, _meta, _args}, _total) when name in @names do
    {:error, "a rule is arithmetic; spawn(...), send(...) and the like are not allowed"}
  end

  defp evaluate(_ast, _total), do: {:error, "a rule knows only numbers, total, +, - and *"}
end
