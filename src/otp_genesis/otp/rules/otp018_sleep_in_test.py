"""OTP018: a test that waits for a fixed time."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.in_tests import TESTS, calls_in_tests
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.sleeping import SLEEPS
from otp_genesis.otp.syntax import arguments, at, code

PATH = "test/job_test.exs"
EXPIRY = re.compile(
    r"window|elapsed|circuit|half.?open|cool.?down|stale|backoff|timed? ?out",
    re.IGNORECASE,
)
"""Words of a test that has to let time pass: no message tells of that."""
LIFETIME = re.compile(rb"ttl|expir|max_?age", re.IGNORECASE)
NOTHING = re.compile(r"refute\b|assert Process\.alive\?")
"""What begins an assertion that nothing has come to pass."""


def _case(body: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.JobTest do\n  use ExUnit.Case\n{head}\n"
        f'  test "runs" do\n{body}  end\nend\n'
    )


def _bad(body: str, head: str = "") -> Bad:
    return Bad(_case(body, head), path=PATH)


def _good(body: str, head: str = "") -> Good:
    return Good(_case(body, head), path=PATH)


class SleepInTest(Rule):
    """A test waits for a fixed time.

    ## Why is this bad?
    The time is too short on a busy machine, where the test fails though the code is right, and too
    long on every other one: each run pays for it. The documentation of `Process.sleep/1` asks to
    wait for a message instead (https://hexdocs.pm/elixir/Process.html#sleep/1).

    ## Use instead
    `assert_receive` for a message, `Process.monitor/1` and `assert_receive {:DOWN, …}` for an end,
    `:sys.get_state/1` for a server that has to have read its mailbox, a helper that asks again
    until a limit for what tells nobody.

    ## Fix safety
    None: what the test waits for has to be found first. A sleep in a function literal or in a
    helper is not reported: it may be the work that a test watches, or a poll with a limit. Nor is
    one where the test's words say that something has to expire, or that nothing must happen.
    """

    code = "OTP018"
    name = "sleep-in-test"
    stage = 4
    severity = "low"
    safety = "model"
    effort = "minutes"
    risk = "The test ends as soon as it is told, and fails where it is never told."
    reach = "file"
    kinds = TESTS
    needs = SLEEPS
    examples = (
        _bad("    MyApp.Job.run()\n    Process.sleep(100)\n    assert MyApp.Job.done?()\n"),
        _bad("    :timer.sleep(100)\n    assert MyApp.Job.done?()\n"),
        _bad("    P.sleep(@pause)\n    assert true\n", "  alias Process, as: P\n  @pause 5\n"),
        _bad("    50 |> sleep()\n    assert true\n", "  import Process\n"),
        _bad("    1 |> :timer.seconds() |> :timer.sleep()\n    assert true\n"),
        Bad(
            _case("    assert true\n", "\n  setup do\n    Process.sleep(20)\n  end\n"),
            path=PATH,
        ),
        _good("    Process.sleep(:infinity)\n"),
        _good("    token = sign(max_age: 10)\n    Process.sleep(20)\n    refute valid?(token)\n"),
        _good("    Process.sleep(20)\n    assert Process.alive?(pid)\n"),
        _good(
            "    Process.sleep(20)\n    # the session has expired\n    assert session() == nil\n"
        ),
        _good("    Process.sleep(20)\n    # the window has passed\n    assert allowed?()\n"),
        _good("    Process.sleep(0)\n    assert true\n"),
        _good("    MyApp.Job.run(fn -> Process.sleep(100) end)\n    assert_receive :done\n"),
        _good("    on_exit(fn -> Process.sleep(100) end)\n"),
        _good(
            "    assert eventually(&MyApp.Job.done?/0, 10)\n",
            "\n  defp eventually(_, 0), do: false\n\n"
            "  defp eventually(f, n) do\n"
            "    f.() || (Process.sleep(10) && eventually(f, n - 1))\n  end\n",
        ),
        _good(
            "    assert true\n",
            "\n  defmodule Slow do\n    def handle_call(:x, _, s) do\n      Process.sleep(5)\n"
            "      {:reply, s, s}\n    end\n  end\n",
        ),
        _good('    # Process.sleep(5)\n    assert "Process.sleep(5)"\n'),
        _good("    Process.sleep(5)\n", "  alias MyApp.Process\n"),
        _good("    quote do\n      Process.sleep(5)\n    end\n"),
        Good(_case("    Process.sleep(5)\n"), path="test/support/case.ex"),
        Good("defmodule A do\n  def test, do: Process.sleep(5)\nend\n"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each sleep of the process that runs a test."""
        for call, block in calls_in_tests(file, *SLEEPS):
            time = file.slice(call.arguments[0])
            node = at(file.root(), (call.start, call.end))
            if time in ("0", ":infinity") or _lets_expire(node, block):
                continue
            yield self.at(
                file,
                (call.start, call.end),
                f"the test goes on after {' '.join(time.split())} ms, come what it waits for or"
                " not: it fails on a busy machine, or is slower than it need be",
                module=call.module,
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: somebody has to say what the test waits for."""
        return Declined("find what tells the test that it may go on, and wait for that")


def _lets_expire(sleep: Node, block: Node) -> bool:
    """Whether the test's name, or what stands beside the sleep, speaks of time that runs out."""
    if NOTHING.match(code(sleep.next_named_sibling)) or LIFETIME.search(block.text or b""):
        return True
    words = [code(argument) for argument in arguments(block)[:1]]
    for near in (sleep.prev_named_sibling, sleep.next_named_sibling):
        words.append(code(near))
        if near is not None and near.type == "comment":
            beyond = near.prev_named_sibling if near.end_byte < sleep.start_byte else near
            words.append(code(beyond if beyond is not near else near.next_named_sibling))
    return any(EXPIRY.search(text) for text in words)
