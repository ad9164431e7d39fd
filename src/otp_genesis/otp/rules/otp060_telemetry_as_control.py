"""OTP060: telemetry that carries the program's own messages."""

import re
from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import CALLS, CASTS
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.sending import SENDS
from otp_genesis.otp.syntax import Span

ATTACH = (":telemetry.attach/4", ":telemetry.attach_many/4")
EXECUTE = (":telemetry.execute/2", ":telemetry.execute/3")
TALKING = (*SENDS, *CALLS, *CASTS)
EVENT = re.compile(r"\[\s*:\w+(?:\s*,\s*:\w+)*\s*\]")
CAPTURE = re.compile(r"&\s*(?:__MODULE__\.|[A-Z][\w.]*\.)?(\w+)/4")


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Waiter do\n{head}{body}end\n"


def _emit(event: str = "[:my_app, :job, :done]", call: str = ":telemetry.execute") -> str:
    return f"defmodule MyApp.Job do\n  def done(id), do: {call}({event}, %{{}}, %{{id: id}})\nend\n"


def _attach(handler: str, event: str = "[:my_app, :job, :done]") -> str:
    return (
        f"  def wait(pid) do\n    :telemetry.attach(1, {event}, {handler}, nil)\n    pid\n  end\n"
    )


JOB = (("lib/job.ex", _emit()),)
SEND = "fn _, _, meta, _ -> send(pid, meta.id) end"
HANDLE = "  def handle(_, _, meta, pid), do: GenServer.cast(pid, meta.id)\n"


class TelemetryAsControl(Rule):
    """A telemetry handler sends messages that the program works on, for an event of its own.

    ## Why is this bad?
    A handler that raises once is detached for good, and nobody hears of it but the log: from then
    on the messages do not come. Handlers run in the process that emits the event, so that a call
    in one makes the emitter wait (https://hexdocs.pm/telemetry/telemetry.html#attach/4). What
    looks like measuring cannot be taken away without breaking the program.

    ## Use instead
    A message, a call, or `Phoenix.PubSub` and `Registry` from the code that emits the event.

    Only events that the project emits itself are looked at: a library's event may be the only way
    to hear of what it does.

    ## Fix safety
    None: the emitter has to know who wants the message.
    """

    code = "OTP060"
    name = "telemetry-as-control"
    stage = 4
    severity = "low"
    safety = "model"
    kinds = PRODUCTION
    needs = ATTACH
    effort = "hours"
    risk = "The emitter knows its listeners."
    watches = (*ATTACH, *EXECUTE, *TALKING)
    examples = (
        Bad(_module(_attach(SEND)), files=JOB),
        Bad(_module(_attach("&__MODULE__.handle/4") + HANDLE), files=JOB),
        Bad(_module(_attach("&handle/4") + HANDLE), files=JOB),
        Bad(_module(_attach("fn _, _, m, _ -> pid |> GenServer.call(m) end")), files=JOB),
        Bad(
            _module(
                _attach(SEND)
                .replace("attach(", "attach_many(")
                .replace("[:my_app, :job, :done]", "[[:my_app, :job, :done], [:other, :stop]]")
            ),
            files=JOB,
        ),
        Good(_module(_attach(SEND, "[:phoenix, :endpoint, :stop]")), files=JOB),
        Good(_module(_attach("fn _, _, meta, _ -> Logger.info(inspect(meta)) end")), files=JOB),
        Good(_module(_attach("fn _, _, m, c -> :counters.add(c, 1, m.n) end")), files=JOB),
        Good(_module(_attach(SEND))),
        Good(_module(_attach(SEND, "event")), files=JOB),
        Good(_module(_attach(SEND)), files=(("test/job_test.exs", _emit()),)),
        Good(_module(_attach(SEND)), files=(("lib/job.ex", _emit(call="MyApp.telemetry")),)),
        Good(
            _module(f'  # {SEND}\n  def a, do: ":telemetry.attach(1, [:my_app], f, nil)"\n'),
            files=JOB,
        ),
        Good(_module(_attach(SEND)), files=JOB, path="test/support/waiter.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the call that attaches the handler."""
        if not any(label in file.calls for label in ATTACH):
            return
        for call in file.production_calls(*ATTACH):
            talk = _talk(file, call) if len(call.arguments) == 4 else None
            emitted = _emitted(project) if talk is not None else {}
            events = [e for e in _events(file, call) if e in emitted] if talk is not None else []
            if talk is None or not events:
                continue
            other, execute = emitted[events[0]]
            yield self.at(
                file,
                (call.start, call.end),
                f"the handler of [{events[0]}] sends messages that the program works on; once it"
                " raises it is detached and they stop",
                module=call.module,
                function=call.function,
                evidence=[
                    Evidence.at(
                        file,
                        talk.start,
                        "the handler sends here",
                    ),
                    Evidence.at(
                        other,
                        execute.start,
                        "the project emits the event itself",
                    ),
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the emitter has to know who wants the message."""
        return Declined(
            "send the message from the code that emits the event, and keep telemetry for measuring"
        )


def _events(file: SourceFile, call: Call) -> list[str]:
    """Return the literal events of a handler, as their elements."""
    return [_elements(found) for found in EVENT.findall(file.slice(call.arguments[1]))]


def _elements(event: str) -> str:
    return ", ".join(re.findall(r":\w+", event))


def _talk(file: SourceFile, attach: Call) -> Call | None:
    """Return the first call in the handler that sends a message."""
    handler = attach.arguments[2]
    match = CAPTURE.fullmatch(file.slice(handler))
    spans: list[Span] = [handler]
    if match is not None:
        function = file.function(attach.module, f"{match[1]}/4")
        spans = [(c.start, c.end) for c in function.clauses] if function is not None else []
    for call in file.calls_to(*(label for label in TALKING if label in file.calls)):
        if any(start <= call.start < end for start, end in spans):
            return call
    return None


@once
def _emitted(project: Project) -> dict[str, tuple[SourceFile, Call]]:
    """Return the events that production code emits, with the first place of each."""
    found: dict[str, tuple[SourceFile, Call]] = {}
    for file in project.files.values():
        for call in file.production_calls(*EXECUTE):
            event = file.slice(call.arguments[0]) if call.arguments else ""
            if EVENT.fullmatch(event):
                found.setdefault(_elements(event), (file, call))
    return found
