defmodule OtpGenesis.ExUnitFormatter do
  @moduledoc """
  Writes the result of each test as one line to the file that `OTP_GENESIS_EXUNIT_OUT` names:
  status, microseconds, line, and then module, name, file and message in Base64, tab-separated.
  """
  use GenServer

  @impl true
  def init(_options) do
    {:ok, File.open!(System.fetch_env!("OTP_GENESIS_EXUNIT_OUT"), [:append, :binary])}
  end

  @impl true
  def handle_cast({:test_finished, %ExUnit.Test{} = test}, file) do
    {status, message} = result(test.state)

    write(file, status, test.time, test.tags[:line], [
      inspect(test.module),
      to_string(test.name),
      relative(test.tags[:file]),
      message
    ])

    {:noreply, file}
  end

  # A module whose setup_all failed: its tests never ran.
  def handle_cast({:module_finished, %ExUnit.TestModule{state: {:failed, _}} = module}, file) do
    {status, message} = result(module.state)
    write(file, status, 0, 0, [inspect(module.name), "setup_all", relative(module.file), message])
    {:noreply, file}
  end

  def handle_cast({:suite_finished, _times}, file) do
    IO.binwrite(file, "finished\n")
    {:noreply, file}
  end

  def handle_cast(_event, file), do: {:noreply, file}

  defp result(nil), do: {"passed", ""}
  defp result({:failed, failures}), do: {"failed", Enum.map_join(failures, "\n", &failure/1)}
  defp result({:skipped, reason}), do: {"skipped", text(reason)}
  defp result({:excluded, reason}), do: {"excluded", text(reason)}
  defp result({:invalid, _module}), do: {"invalid", "setup_all failed"}

  defp failure({kind, reason, stack}), do: Exception.format(kind, reason, stack)

  defp text(value) when is_binary(value), do: value
  defp text(value), do: inspect(value)

  defp relative(nil), do: ""
  defp relative(path), do: Path.relative_to_cwd(path)

  defp write(file, status, time, line, fields) do
    encoded = Enum.map(fields, &Base.encode64/1)
    IO.binwrite(file, Enum.join([status, time, line || 0 | encoded], "\t") <> "\n")
  end
end
