"""OTP019: a process that a test starts to have a pid, and that outlives it."""

import re
from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.callbacks import runs_elsewhere
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.in_tests import TESTS, calls_in_tests, fits
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.sleeping import SLEEPS
from otp_genesis.otp.syntax import at
from otp_genesis.otp.task_calls import found_call

TARGETS = ("Kernel.spawn/1", ":erlang.spawn/1", "Task.start/1")
FOREVER = re.compile(r"fn\s*->\s*(Process|:timer)\.sleep\(?\s*:infinity\s*\)?\s*end")
ENDED = re.compile(rb"Process\.exit|\.stop\(|terminate_child")
PATH = "test/registry_test.exs"


def _case(body: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.RegistryTest do\n  use ExUnit.Case\n{head}\n"
        f'  test "keeps pids" do\n{body}  end\nend\n'
    )


SPAWN = "    pid = spawn(fn -> Process.sleep(:infinity) end)\n    assert keep(pid)\n"
TASK = (
    "    pid = start_supervised!({Task, fn -> Process.sleep(:infinity) end}, id: make_ref())\n"
    "    assert keep(pid)\n"
)


class SleepInfinityPlaceholder(Rule):
    """A test starts a process that only sleeps, to have a pid, and never ends it.

    ## Why is this bad?
    The process is linked to nobody: it lives on when the test has ended, with whatever was
    registered or monitored for it, until the whole run is over.

    ## Use instead
    `start_supervised!/2`, which ends the process with the test and waits for that
    (https://hexdocs.pm/ex_unit/ExUnit.Callbacks.html#start_supervised/2).

    ## Fix safety
    Unsafe: the process ends with the test, and has the test's supervisor among its ancestors. The
    fix is made for `spawn` with a pid in a test or a setup, each process under an id of its own.
    """

    code = "OTP019"
    name = "sleep-infinity-placeholder"
    stage = 4
    severity = "info"
    safety = "unsafe"
    effort = "minutes"
    risk = "The process ends with the test where it outlived it."
    reach = "file"
    kinds = TESTS
    needs = SLEEPS
    examples = (
        Bad(_case(SPAWN), fixed=_case(TASK), path=PATH),
        Bad(
            _case(SPAWN.replace("Process.sleep", ":timer.sleep")),
            fixed=_case(TASK.replace("Process.sleep", ":timer.sleep")),
            path=PATH,
        ),
        Bad(
            _case(SPAWN, "  alias MyApp.Task\n"),
            fixed=_case(TASK.replace("{Task", "{Elixir.Task"), "  alias MyApp.Task\n"),
            path=PATH,
        ),
        Bad(
            _case(
                "    pids =\n      for _ <- 1..3 do\n"
                "        spawn(fn -> Process.sleep(:infinity) end)\n      end\n\n"
                "    other = spawn(fn -> Process.sleep(:infinity) end)\n"
                "    assert keep(pids, other)\n"
            ),
            fixed=_case(
                "    pids =\n      for _ <- 1..3 do\n        start_supervised!({Task, fn ->"
                " Process.sleep(:infinity) end}, id: make_ref())\n      end\n\n"
                "    other = start_supervised!({Task, fn -> Process.sleep(:infinity) end},"
                " id: make_ref())\n    assert keep(pids, other)\n"
            ),
            path=PATH,
            count=2,
        ),
        Bad(
            _case("    pids = for _ <- 1..3, do: spawn(fn -> Process.sleep(:infinity) end)\n"),
            path=PATH,
        ),
        Bad(
            _case("    {:ok, pid} = Task.start(fn -> Process.sleep(:infinity) end)\n    pid\n"),
            path=PATH,
        ),
        Bad(
            _case("    pid = (fn -> Process.sleep(:infinity) end) |> spawn()\n    keep(pid)\n"),
            path=PATH,
        ),
        Good(_case(TASK), path=PATH),
        Good(_case(SPAWN.replace("spawn(", "spawn_link(")), path=PATH),
        Good(_case(SPAWN + "    Process.exit(pid, :kill)\n"), path=PATH),
        Good(_case(SPAWN.replace("end)", "end)  # spawned").replace(":infinity", "50")), path=PATH),
        Good(
            _case('    # spawn(fn -> Process.sleep(:infinity) end)\n    assert "spawn"\n'),
            path=PATH,
        ),
        Good(_case(SPAWN, "  import Kernel, except: [spawn: 1]\n  import MyApp.Fake\n"), path=PATH),
        Good(_case("    spawn(fn -> go(fn -> Process.sleep(:infinity) end) end)\n"), path=PATH),
        Good(_case(SPAWN), path="lib/registry.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the start of each such process in a test that ends none."""
        if b":infinity" not in file.text:
            return
        for call, block in calls_in_tests(file, *TARGETS, through=True):
            given = file.slice(call.arguments[0]).strip("()")
            if FOREVER.fullmatch(given) and not ENDED.search(block.text or b""):
                yield self.at(
                    file,
                    (call.start, call.end),
                    "the process has no link and no end: it outlives the test that only wanted"
                    " a pid",
                    module=call.module,
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Start it under the test's supervisor."""
        file = project.files[finding.file]
        call = found_call(file, finding, TARGETS)
        if call is None:
            return Declined("the call is no longer there")
        if call.target == "Task.start/1" or call.form != "call":
            return Declined("write start_supervised!({Task, fn -> … end}, id: make_ref()) instead")
        if runs_elsewhere(file, at(file.root(), (call.start, call.end))):
            return Declined("only the process of the test itself can start supervised children")
        edit = _supervised(file, call)
        if not fits(file, edit):
            return Declined("the line would be too long; write start_supervised! by hand")
        return ChangeSet(files=(file.change(edit),))


def _supervised(file: SourceFile, call: Call) -> Edit:
    function = file.slice(call.arguments[0])
    task = file.reference("Task", call.start)
    text = f"start_supervised!({{{task}, {function}}}, id: make_ref())"
    return Edit(start=call.start, end=call.end, text=text)
