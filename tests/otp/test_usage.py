"""What becomes of a call's value, as far as it can be proved."""

import pytest

from otp_genesis.otp.project import Project

CASES = {
    "spawn(f)\n    :ok": "dropped",
    "spawn(f)": "returned",
    "pid = spawn(f)\n    pid": "bound",
    "pid = spawn(f)": "used",
    "_ = spawn(f)\n    :ok": "dropped",
    "{a, b} = spawn(f)\n    {a, b}": "used",
    "keep(spawn(f))": "argument",
    "[spawn(f)]\n    :ok": "used",
    "f |> spawn()\n    :ok": "dropped",
    "f |> spawn() |> keep()": "piped",
    "Enum.map(f, &spawn/1)": "captured",
    "Enum.map(f, &spawn(&1))": "captured",
    "Enum.map(f, fn g -> spawn(g) end)": "returned",
    "Enum.each(f, fn g -> spawn(g) end)": "dropped",
    "f |> Enum.each(fn g -> spawn(g) end)": "dropped",
    "Enum.each(f, fn g ->\n      h = spawn(g)\n      keep(h)\n    end)": "bound",
    "alias My.Enum\n    Enum.each(f, fn g -> spawn(g) end)": "returned",
    "for g <- f, do: spawn(g)": "returned",
    "for g <- f, do: spawn(g)\n    :ok": "dropped",
    "for g <- f do\n      spawn(g)\n    end\n\n    :ok": "dropped",
    "for g <- f, into: [], do: spawn(g)\n    :ok": "used",
    "for g <- f, reduce: 0 do\n      _ -> spawn(g)\n    end\n    :ok": "used",
    "if f, do: spawn(f)\n    :ok": "dropped",
    "if f do\n      spawn(f)\n    else\n      :no\n    end": "returned",
    "if f do\n      :no\n    else\n      spawn(f)\n    end\n    :ok": "dropped",
    "x = if f, do: spawn(f)\n    x": "used",
    "case f do\n      nil -> :no\n      g -> spawn(g)\n    end\n    :ok": "dropped",
    "case f do\n      g -> spawn(g)\n    end": "returned",
    "case spawn(f) do\n      p -> p\n    end": "argument",
    "f && spawn(f)\n    :ok": "dropped",
    "f && spawn(f)": "returned",
    "not spawn(f)\n    :ok": "used",
    "try do\n      f.()\n    after\n      spawn(f)\n    end": "dropped",
    "try do\n      f.()\n    rescue\n      _ -> spawn(f)\n    end": "returned",
    "receive do\n      _ -> 1\n    after\n      9 -> spawn(f)\n    end\n    :ok": "dropped",
    "(spawn(f); :ok)": "dropped",
    "spawn(f)\n    # the end": "returned",
    '"#{inspect(spawn(f))}"': "argument",
    "Task.Supervisor.start_child(S, fn -> spawn(f) end)": "dropped",
}


@pytest.mark.parametrize("body", CASES)
def test_use(body: str) -> None:
    """Dropped is said only where it is sure."""
    project = Project.of({"lib/m.ex": f"defmodule M do\n  def go(f) do\n    {body}\n  end\nend\n"})
    (call,) = project.files["lib/m.ex"].calls_to("Kernel.spawn/1")

    assert call.use == CASES[body]
