"""OTP049: a server that starts a timer again and again."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import (
    INTERVALS,
    TIMED_SENDS,
    TIMERS,
    WATCHED,
    Handler,
    Sent,
    Server,
    spoken,
)
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.messages import may_match
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.running import runs_always
from otp_genesis.otp.syntax import Span, at, target

REPEATED = (":timer.send_interval/2", ":timer.send_interval/3")
ARMING = (*TIMERS, *INTERVALS, *TIMED_SENDS)
CANCELS = (b"cancel_timer", b":timer.cancel")
ENDS = re.compile(r"\bstop\b|:hibernate_forever")


def _server(refresh: str, tick: str = "schedule()", more: str = "") -> str:
    return (
        "defmodule MyApp.Poller do\n  use GenServer\n"
        "  def init(x) do\n    schedule()\n    {:ok, x}\n  end\n"
        f"  def handle_cast(:refresh, s) do\n    {refresh}\n    {{:noreply, s}}\n  end\n"
        f"  def handle_info(:tick, s) do\n    {tick}\n    {{:noreply, work(s)}}\n  end\n"
        f"{more}  defp schedule, do: Process.send_after(self(), :tick, 1_000)\nend\n"
    )


class TimerLeak(Rule):
    """A callback arms a timer that is running already and that arms itself again.

    ## Why is this bad?
    Each such message adds a timer that never ends, beside those that are there: the server does
    its periodic work twice as often after the first one, three times after the second, until its
    mailbox grows faster than it works. Nothing holds the references, so that none can be cancelled
    (https://hexdocs.pm/elixir/Process.html#send_after/4).

    ## Use instead
    Keep the reference in the state and `Process.cancel_timer/1` it before arming the timer again,
    or do the work without touching the timer.

    Arming one's own timer at the start and in the clause that takes its message is how a server
    waits, and is no flaw. Timers that are armed under a condition are left alone, and so are
    modules that cancel any.

    ## Fix safety
    None: the state needs a place for the reference.
    """

    code = "OTP049"
    name = "timer-leak"
    stage = 1
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = ARMING
    effort = "minutes"
    risk = "The periodic work is done as often as its interval says."
    watches = WATCHED
    examples = (
        Bad(_server("schedule()")),
        Bad(_server("Process.send_after(self(), :tick, 0)")),
        Bad(
            _server("self() |> P.send_after(:tick, 5)").replace(
                "use GenServer", "use GenServer\n  alias Process, as: P"
            )
        ),
        Bad(
            _server(
                "log(s)",
                more="  def handle_call(:now, _, s) do\n    schedule()\n    ok(s)\n  end\n",
            )
        ),
        Bad(_server(":timer.send_interval(1_000, :beat)")),
        Bad(_server(":timer.send_interval(1_000, self(), :beat)", tick="work()")),
        Good(_server("log(s)")),
        Good(_server("send(self(), :other)")),
        Good(_server("schedule()", tick="work()")),
        Good(_server("s.on && schedule()")),
        Good(_server("if s.timer == nil, do: schedule()")),
        Good(_server("schedule()", tick="if s.on, do: schedule()")),
        Good(_server("Process.cancel_timer(s.timer)\n    schedule()")),
        Good(_server('# schedule()\n    log("schedule()")')),
        Good(_server("later(fn -> schedule() end)")),
        Good(
            _server("schedule()").replace(
                "handle_cast(:refresh, s)", "handle_cast(:refresh, %{on: false} = s)"
            )
        ),
        Good(
            _server("schedule()").replace(
                "handle_cast(:refresh, s) do", "handle_cast(:refresh, s) when s == 1 do"
            )
        ),
        Good(_server("schedule()").replace("handle_cast(:refresh", "handle_continue(:refresh")),
        Good(
            _server("schedule()")
            .replace("handle_cast(:refresh", "handle_info(:begin")
            .replace("    schedule()\n    {:ok, x}", "    send(self(), :begin)\n    {:ok, x}")
        ),
        Good(_server("schedule()"), path="test/support/poller.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the place that adds a timer."""
        known = spoken(project, file)
        armed: dict[str, list[Sent]] = {}
        for sent in known.sent:
            if sent.itself and sent.call.target in ARMING and sent.message.tag:
                armed.setdefault(sent.call.module or "", []).append(sent)
        for name, timers in armed.items():
            server = known.servers.get(name)
            if server is None or _cancels(server):
                continue
            own = [one for one in known.sent if one.itself and one.to == name]
            for where, timer, handler in _added(file, server, timers, own):
                again = timer.call.target in REPEATED
                yield self.at(
                    file,
                    where,
                    f"each {handler.takes} adds a timer for {timer.message}"
                    + (" that never ends" if again else ", which arms itself again for ever"),
                    module=name,
                    function=_callback(server, handler),
                    evidence=[
                        Evidence.at(
                            file,
                            timer.call.start,
                            "the timer; its reference is not kept",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the state needs a place for the reference."""
        return Declined("keep the timer's reference in the state and cancel it before a new one")


def _cancels(server: Server) -> bool:
    module = server.module
    text = server.file.text
    return any(text.find(word, module.start, module.end) >= 0 for word in CANCELS)


def _callback(server: Server, handler: Handler) -> str:
    manner = next(m for m, handlers in server.handlers.items() if handler in handlers)
    return {"call": "handle_call/3", "cast": "handle_cast/2", "info": "handle_info/2"}[manner]


def _added(
    file: SourceFile, server: Server, timers: list[Sent], own: list[Sent]
) -> Iterator[tuple[Span, Sent, Handler]]:
    """Yield the places where a message of others arms a timer once more."""
    handlers = [h for each in server.handlers.values() for h in each]
    taking = {id(h): _takes(server, h, timers) for h in server.handlers["info"]}
    for handler in handlers:
        if (
            taking.get(id(handler))
            or _is_own(server, handler, own)
            or _chooses(file, handlers, handler)
        ):
            continue
        seen: set[str] = set()
        for timer in timers:
            where = _arms(file, handler, timer)
            text = str(timer.message)
            if where is None or text in seen:
                continue
            chained = any(
                may_match(h.takes, timer.message) and h.takes.tag and _arms(file, h, other)
                for h in server.handlers["info"]
                for other in timers
                if other.message == timer.message
            )
            if timer.call.target in REPEATED or chained:
                seen.add(text)
                yield where, timer, handler


def _takes(server: Server, handler: Handler, timers: list[Sent]) -> bool:
    """Whether a clause takes the message of one of the timers, or any message."""
    return not handler.takes.tag or any(may_match(handler.takes, t.message) for t in timers)


def _is_own(server: Server, handler: Handler, own: list[Sent]) -> bool:
    """Whether a clause takes what the server sends itself, so that the message may come once."""
    return handler in server.handlers["info"] and any(
        may_match(handler.takes, sent.message) for sent in own
    )


def _chooses(file: SourceFile, handlers: list[Handler], handler: Handler) -> bool:
    """Whether a clause is taken in some states only, or ends the server."""
    clause = handler.clause
    state = file.slice(clause.parameters[-1]) if clause.parameters else ""
    several = sum(other.takes == handler.takes for other in handlers) > 1
    literal = re.search(r":\s*(:\w|nil|true|false|\d|\[\]|%\{\})", state) is not None
    ends = ENDS.search(file.slice((clause.start, clause.end))) is not None
    return handler.guarded or several or literal or ends


def _arms(file: SourceFile, handler: Handler, timer: Sent) -> Span | None:
    """Return where a clause arms a timer without condition: itself, or by a local function."""
    clause, call = handler.clause, timer.call
    if clause.start <= call.start < clause.end:
        where = (call.start, call.end)
        return where if runs_always(file, at(file.root(), where), clause.start) else None
    function = file.function(call.module, call.function)
    if function is None or len(function.clauses) > 1 or function.name.startswith("handle_"):
        return None
    text = file.text[clause.start : clause.end]
    for match in re.finditer(rb"(?<![.\w:])" + function.name.encode() + rb"\(", text):
        start = clause.start + match.start()
        node: Node | None = at(file.root(), (start, start + len(function.name)))
        while node is not None and target(node) != function.name:
            node = node.parent if node.start_byte == start else None
        direct = runs_always(
            file, at(file.root(), (call.start, call.end)), function.clauses[0].start
        )
        if node is not None and direct and runs_always(file, node, clause.start):
            return node.start_byte, node.end_byte
    return None
