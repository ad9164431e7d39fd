defmodule ShakyOtp.Process do
  @moduledoc """
  The fulfilment process of an order: a plain value that remembers which steps are done.

  It has nothing to do with a BEAM process.
  """

  import Kernel, except: [spawn: 1]

  @steps [:picked, :packed, :labelled, :handed_over]

  defstruct order_id: nil, done: [], facts: %{}

  @doc "Begins the fulfilment of an order."
  def spawn(order_id), do: %__MODULE__{order_id: order_id}

  @doc "Begins again from the first step; what is known about the order is kept."
  def restart(%__MODULE__{} = process) do
    fresh = spawn(process.order_id)
    %{fresh | facts: process.facts}
  end

  @doc "Marks the next step as done."
  def advance(%__MODULE__{} = process) do
    case @steps -- process.done do
      [] -> {:error, :complete}
      [step | _] -> {:ok, %{process | done: process.done ++ [step]}}
    end
  end

  @doc "Remembers a fact, such as the carrier."
  def put(%__MODULE__{} = process, key, value) do
    %{process | facts: Map.put(process.facts, key, value)}
  end

  @doc "Returns a remembered fact."
  def get(%__MODULE__{} = process, key), do: Map.get(process.facts, key)
end
