"""The repairs on a real Mix project: it stays formatted, compiles, and its tests prove them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Declined, GeneratedTest
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan

pytestmark = [
    pytest.mark.elixir,
    pytest.mark.skipif(shutil.which("mix") is None, reason="Elixir is not installed"),
]

JOBS = """\
defmodule Shop.Jobs do
  def run(jobs) do
    spawn(fn -> work(jobs) end)

    Enum.each(jobs, fn job ->
      spawn(__MODULE__, :work, [job])
    end)

    pid = spawn(fn -> work(jobs) end)
    linked = spawn_link(fn -> work(jobs) end)
    Task.start(fn -> work(jobs) end)
    Task.async(fn -> work(jobs) end)
    {pid, linked}
  end

  def work(job), do: job

  def ask(server), do: GenServer.call(server, :get, :infinity)

  def wait(task), do: task |> Task.await(:infinity)

  def kind(text), do: String.to_atom(text)

  def kind_of(text), do: :"kind_#{text}"
end
"""
SERVER = """\
defmodule Shop.Watcher do
  use GenServer

  def start_link(arg), do: GenServer.start_link(__MODULE__, arg)

  @impl true
  def init(arg), do: {:ok, arg}

  @impl true
  def handle_cast({:watch, pid}, state) do
    Process.monitor(pid)
    {:noreply, state}
  end
end
"""
TICKER = """\
defmodule Shop.Ticker do
  @moduledoc false
  use GenServer

  @impl true
  def init(arg), do: {:ok, arg}

  @impl true
  def handle_info(:tick, state) do
    {:noreply, state}
  end

  @impl true
  def handle_info({:tock, n}, state), do: {:noreply, {n, state}}
end
"""


def mix(root: Path, *command: str, env: str = "test") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mix", *command],
        cwd=root,
        env={**os.environ, "MIX_ENV": env, "MIX_HOME": str(root.parent / "mix")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def write(root: Path, path: str, text: str | bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    assert mix(tmp_path, "new", "shop", "--sup").returncode == 0
    root = tmp_path / "shop"
    write(root, "lib/shop/jobs.ex", JOBS)
    write(root, "lib/shop/watcher.ex", SERVER)
    write(root, "lib/shop/ticker.ex", TICKER)
    return root


def repair(root: Path) -> tuple[list[str], dict[str, GeneratedTest]]:
    """Make every fix there is, one at a time, each with its test; return what was done."""
    rules = {rule.code: rule for rule in all_rules()}
    done: list[str] = []
    tests: dict[str, GeneratedTest] = {}
    while True:
        project = Project.read(root)
        for finding in scan(project, rules.values()).findings:
            change = rules[finding.rule].fix(project, finding)
            if isinstance(change, ChangeSet):
                break
        else:
            return done, tests
        for part in change.files:
            write(root, part.path, part.apply((root / part.path).read_bytes()))
        done.append(finding.rule)
        proof = rules[finding.rule].test(Project.read(root), finding)
        if isinstance(proof, GeneratedTest):
            write(root, proof.path, proof.code)
            tests[proof.path] = proof
        else:
            assert isinstance(proof, Declined)


def test_repairs(shop: Path, tmp_path: Path) -> None:
    """Each generated test fails before the repairs and passes after them."""
    before = tmp_path / "before"
    shutil.copytree(shop, before)
    done, tests = repair(shop)

    assert {
        "OTP001",
        "OTP002",
        "OTP004",
        "OTP006",
        "OTP008",
        "OTP009",
        "OTP021",
        "OTP044",
        "OTP053",
    } == set(done)
    assert sorted(tests) == [
        "test/otp_genesis/shop_task_supervisor_test.exs",
        "test/otp_genesis/shop_ticker_otp021_test.exs",
        "test/otp_genesis/shop_watcher_otp044_test.exs",
    ]
    formatted = mix(shop, "format", "--check-formatted")
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
    compiled = mix(shop, "compile", "--warnings-as-errors")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    passed = mix(shop, "test")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    for path, test in tests.items():
        write(before, path, test.code)
        failed = mix(before, "test", path)
        assert failed.returncode != 0, f"{path} passes without the repair"
        assert "1 test, 1 failure" in failed.stdout
