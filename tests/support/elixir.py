"""Small mix projects, committed in git, with as many flaws as a test needs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support.command import git

MIX = """\
defmodule Tiny.MixProject do
  use Mix.Project

  def project do
    [app: :tiny, version: "0.1.0", elixir: "~> 1.14"]
  end

  def application do
    [extra_applications: [:logger], mod: {Tiny.Application, []}]
  end
end
"""
APPLICATION = """\
defmodule Tiny.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    children = []
    Supervisor.start_link(children, strategy: :one_for_one, name: Tiny.Supervisor)
  end
end
"""
WORDS = """\
defmodule Tiny.Words do
  @moduledoc "Turns words into atoms."

  def kind(text), do: String.to_atom(text)
end
"""
WORDS_TEST = """\
defmodule Tiny.WordsTest do
  use ExUnit.Case

  test "a known word" do
    assert :apple == Tiny.Words.kind("apple")
  end
end
"""
JOBS = """\
defmodule Tiny.Jobs do
  @moduledoc "Runs jobs."

  def run(job) do
    spawn(fn -> job.() end)
    :ok
  end

  def ask(server), do: GenServer.call(server, :get, :infinity)
end
"""
BASE: dict[str, str] = {
    ".formatter.exs": '[inputs: ["{mix,.formatter}.exs", "{config,lib,test}/**/*.{ex,exs}"]]\n',
    ".gitignore": "/_build/\n/deps/\n",
    "mix.exs": MIX,
    "lib/tiny/application.ex": APPLICATION,
    "test/test_helper.exs": "ExUnit.start()\n",
}
ONE_FLAW = {**BASE, "lib/tiny/words.ex": WORDS, "test/words_test.exs": WORDS_TEST}
"""`String.to_atom/1` in `Tiny.Words.kind/1`; its rule repairs it."""
THREE_FLAWS = {**ONE_FLAW, "lib/tiny/jobs.ex": JOBS}
"""That, `spawn/1` and an endless call, all repaired by rule; the spawn brings a test."""

NO_CHECKS = {"genesis.toml": '[verify]\nformat = ""\ncompile = ""\ntest = ""\ncredo = ""\n'}
"""No check at all: what the loop does is the same, and takes no mix."""
TESTS_ONLY = {"genesis.toml": '[verify]\nformat = ""\ncompile = ""\ncredo = ""\n'}


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def repository(
    folder: Path, files: Mapping[str, str | bytes] = ONE_FLAW, *, branch: str = "main"
) -> Path:
    """Return a repository with these files, all committed."""
    write(folder, files)
    git(folder, "init", "--quiet", f"--initial-branch={branch}", ".")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=As it was")
    return folder


def mix(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Return what mix prints; it must succeed."""
    done = run_mix(folder, *arguments, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_mix(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run mix as the user would."""
    return subprocess.run(
        ["mix", *arguments],
        cwd=folder,
        env={**os.environ, "MIX_ENV": "test", **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
