# Says of each file whether it is Elixir, and which functions it calls, by line. Runs nothing of it.
defmodule OtpGenesis.Calls do
  def tell(path) do
    with {:ok, text} <- File.read(path), true <- String.valid?(text), do: tell(path, text)
  end

  defp tell(path, text) do
    case Code.string_to_quoted(text, columns: true) do
      {:ok, tree} ->
        IO.puts("valid\t#{path}")
        Macro.prewalk(tree, &visit/1)

      {:error, {where, message, token}} ->
        place = "line #{where[:line]}, column #{where[:column] || 1}"
        IO.puts("invalid\t#{path}\t#{place}: #{line(message)}#{line(token)}")
    end
  end

  defp visit({{:., meta, [module, name]}, _, args} = node) when is_atom(name) and is_list(args) do
    if named = module_name(module), do: call(meta, "#{named}.#{name}")
    node
  end

  defp visit({name, meta, args} = node) when is_atom(name) and is_list(args) do
    call(meta, Atom.to_string(name))
    node
  end

  defp visit(node), do: node

  defp module_name({:__aliases__, _, parts}) do
    if Enum.all?(parts, &is_atom/1), do: Enum.join(parts, ".")
  end

  defp module_name(module) when is_atom(module), do: inspect(module)
  defp module_name(_), do: nil

  defp call(meta, name) do
    if meta[:line] && String.printable?(name) && not String.contains?(name, ["\t", "\n"]) do
      IO.puts("call\t#{meta[:line]}\t#{name}")
    end
  end

  defp line({before, rest}), do: line("#{before}#{rest}")
  defp line(text), do: text |> to_string() |> String.replace(~r/\s+/, " ")
end

Enum.each(System.argv(), &OtpGenesis.Calls.tell/1)
