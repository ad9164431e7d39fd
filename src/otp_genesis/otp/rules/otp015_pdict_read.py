"""OTP015: a value that comes from elsewhere through the process dictionary."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import named_module
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule

PUTS = ("Process.put/2", ":erlang.put/2")
GETS = ("Process.get/1", "Process.get/2")
Read = tuple[SourceFile, Call]


def _module(put: str, get: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.Context do\n{head}  def with_user(user) do\n    {put}\n"
        "    work()\n  end\n"
        f"  def user, do: {get}\nend\n"
    )


PUT = "Process.put(:user, user)"
GET = "Process.get(:user)"


class PdictRead(Rule):
    """A function reads from the process dictionary what another function has put there.

    ## Why is this bad?
    The two are coupled, and nothing in their heads says so. A task, a server or any other process
    on the way has a dictionary of its own, so that the reader gets `nil` there without an error
    (https://hexdocs.pm/elixir/Process.html#put/2).

    ## Use instead
    An argument, the state of a server, or `Logger.metadata/1` for what is only logged.

    Keys that are written out are looked at, `:"$callers"` and the like left out, and each key is
    reported once. It is a hint: within one process the value is there.

    ## Fix safety
    None: the value has to be passed through all functions in between.
    """

    code = "OTP015"
    name = "pdict-read"
    stage = 3
    severity = "info"
    safety = "model"
    kinds = PRODUCTION
    needs = GETS
    effort = "hours"
    risk = "Functions in between take one more argument."
    watches = (*PUTS, *GETS)
    examples = (
        Bad(_module(PUT, GET)),
        Bad(_module("Process.put(@key, user)", "Process.get(@key, :none)", "  @key :user\n")),
        Bad(_module("P.put(:user, user)", ":user |> P.get()", "  alias Process, as: P\n")),
        Bad(
            _module(":erlang.put(:user, user)", "get(:user)", "  import Process, only: [get: 1]\n")
        ),
        Bad(
            _module("work()", GET),
            files=(
                (
                    "lib/plug.ex",
                    "defmodule MyApp.Plug do\n  def call(user), do: " + PUT + "\nend\n",
                ),
            ),
        ),
        Good(_module(PUT, "Process.get(:other)")),
        Good(_module("work()", GET)),
        Good(_module(PUT, "1").replace("    work()\n", f"    {GET}\n")),
        Good(_module('Process.put(:"$callers", user)', 'Process.get(:"$callers")')),
        Good(_module("Process.put(key(), user)", "Process.get(key())")),
        Good(_module(PUT, f'"{GET}" # {GET}')),
        Good(_module(PUT, f"quote(do: {GET})")),
        Good(_module(PUT, GET, "  alias MyApp.Process\n")),
        Good(_module(PUT, GET), path="test/support/context.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the first read of each key; the others and the puts are evidence."""
        if not any(label in file.calls for label in GETS):
            return
        for key, (puts, gets) in _keys(project).items():
            if not gets or gets[0][0].path != file.path:
                continue
            call, (_, put) = gets[0][1], puts[0]
            yield self.at(
                file,
                (call.start, call.end),
                f"{call.module}.{call.function} relies on {put.module}.{put.function} having put"
                f" {key} in the same process; any other process finds nothing",
                module=call.module,
                function=call.function,
                evidence=[
                    *(_told(one, "the value is put here") for one in puts),
                    *(_told(one, "it is read here too") for one in gets[1:]),
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the value has to be passed on."""
        return Declined("pass the value as an argument, or keep it in the state of a server")


@once
def _keys(project: Project) -> dict[str, tuple[list[Read], list[Read]]]:
    """Return the keys that are put, with the puts and the reads in functions that do not put."""
    found: dict[str, tuple[list[Read], list[Read]]] = {}
    for file in project.files.values():
        for call in file.production_calls(*PUTS):
            key = _key(file, call)
            if key and call.function:
                found.setdefault(key, ([], []))[0].append((file, call))
    putting = {
        (key, call.module, call.function) for key, (puts, _) in found.items() for _, call in puts
    }
    for file in project.files.values() if found else ():
        for call in file.production_calls(*GETS):
            key = _key(file, call)
            if key in found and (key, call.module, call.function) not in putting:
                found[key][1].append((file, call))
    return found


def _key(file: SourceFile, call: Call) -> str:
    return named_module(file, file.slice(call.arguments[0]), call.start) if call.arguments else ""


def _told(one: Read, note: str) -> Evidence:
    file, call = one
    return Evidence.at(file, call.start, note)
