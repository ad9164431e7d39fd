"""OTP036: a process that plain code starts, outside of any supervisor."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import production_modules
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.supervised import PROCESSES
from otp_genesis.otp.syntax import Span, at, span, target

LINKED = (
    "GenServer.start_link/2",
    "GenServer.start_link/3",
    "GenStage.start_link/2",
    "GenStage.start_link/3",
    "Agent.start_link/1",
    "Agent.start_link/2",
)
ALONE = ("GenServer.start/2", "GenServer.start/3", "Agent.start/1", "Agent.start/2")
STARTERS = ("start", "init", "child_spec", "mount", "__", "setup", "main", "run")
"""How functions begin whose business it is to start a process, for a supervisor or by hand."""
START = b".start_link("
NAME = re.compile(rb"\b[A-Z][\w.]*$")
LONGEST = 200
"""How many bytes of a module's name are looked at."""
OWNERS = PROCESSES | {"Application", "Mix.Task", "ExUnit.CaseTemplate"}
WORKER = (
    "lib/worker.ex",
    "defmodule MyApp.Worker do\n  use GenServer\n"
    "  def start_link(x), do: GenServer.start_link(__MODULE__, x)\n"
    "  def init(x), do: {:ok, x}\nend\n",
)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Jobs do\n{head}  {body}\nend\n"


class UnsupervisedStartLink(Rule):
    """A function that is no start function starts a long-lived process by itself.

    ## Why is this bad?
    The process belongs to whoever happens to call the function: a request, a task, a shell. With
    `start_link` it dies with that caller and takes it along when it crashes; with `start` it
    outlives everything and nothing stops it at shutdown. No supervisor restarts it
    (https://hexdocs.pm/elixir/process-anti-patterns.html#unsupervised-processes).

    ## Use instead
    A child of a supervisor, or `DynamicSupervisor.start_child/2` where it is started on demand.

    Start functions (`start_link`, `start_…`, `init`), code of servers and supervisors, `Mix` tasks
    and modules that are known at run time only are left alone. A helper that shall end with its
    caller is linked on purpose: allow it with a comment that says so.

    ## Fix safety
    None: the supervisor has to be chosen, and callers rely on the link.
    """

    code = "OTP036"
    name = "unsupervised-start-link"
    stage = 1
    severity = "low"
    safety = "model"
    kinds = PRODUCTION
    effort = "hours"
    risk = "The process outlives its caller, and is started again after a crash."
    watches = (*LINKED, *ALONE)
    examples = (
        Bad(_module("def create(x), do: GenServer.start_link(MyApp.Worker, x)"), files=(WORKER,)),
        Bad(
            _module(
                "def create(x) do\n    {:ok, pid} = x |> W.start_link()\n    pid\n  end",
                "  alias MyApp.Worker, as: W\n",
            ),
            files=(WORKER,),
        ),
        Bad(_module("def count, do: Agent.start_link(fn -> 0 end)")),
        Bad(_module("def count, do: GenServer.start(MyApp.Worker, 1)"), files=(WORKER,)),
        Bad(
            _module("def all(xs), do: Enum.map(xs, fn x -> MyApp.Worker.start_link(x) end)"),
            files=(WORKER,),
        ),
        Bad(_module("def count(f), do: f |> start_link()", "  import Agent\n")),
        Good(_module("def start_counter, do: Agent.start_link(fn -> 0 end)")),
        Good(_module("def start_link(x), do: MyApp.Worker.start_link(x)"), files=(WORKER,)),
        Good(
            _module("def create(x), do: DynamicSupervisor.start_child(MyApp.S, {MyApp.Worker, x})"),
            files=(WORKER,),
        ),
        Good(
            _module("def create(x), do: MyApp.Worker.start_link(x)", "  use Application\n"),
            files=(WORKER,),
        ),
        Good(
            _module(
                "def init(x), do: {:ok, open(x)}\n  defp open(x), do: MyApp.Worker.start_link(x)",
                "  use GenServer\n",
            ),
            files=(WORKER,),
        ),
        Good(_module("def create(x), do: Postgrex.start_link(x)"), files=(WORKER,)),
        Good(_module("def create(m, x), do: m.start_link(x)"), files=(WORKER,)),
        Good(
            _module('@doc "MyApp.Worker.start_link(1)"\n  # MyApp.Worker.start_link(1)'),
            files=(WORKER,),
        ),
        Good(
            _module("defmacro m(x), do: quote(do: MyApp.Worker.start_link(unquote(x)))"),
            files=(WORKER,),
        ),
        Good(
            _module(
                "defmacro m(x) do\n    quote do\n      def create(x) do\n"
                "        MyApp.Worker.start_link(x)\n      end\n    end\n  end"
            ),
            files=(WORKER,),
        ),
        Good(
            _module("defp m, do: quote(do: on(fn -> MyApp.Worker.start_link(1) end))"),
            files=(WORKER,),
        ),
        Good(_module("def create(x), do: Agent.start_link(x)", "  alias MyApp.Agent\n")),
        Good(
            _module("def create(x), do: MyApp.Worker.start_link(x)"),
            files=(WORKER,),
            path="test/support/jobs.ex",
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the call that starts the process."""
        if file.kind != "lib":
            return
        found = {*_by_otp(project, file), *_by_module(project, file)}
        for where, linked, module, function in sorted(found):
            belongs = (
                f"is linked to whoever calls {function}"
                if linked
                else f"is left to itself once {function} returns"
            )
            yield self.at(
                file,
                where,
                f"the process that is started here {belongs}; no supervisor restarts or stops it",
                module=module,
                function=function,
                severity=None if linked else "medium",
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the supervisor has to be chosen."""
        return Declined(
            "start it with DynamicSupervisor.start_child/2 under a supervisor of the application"
        )


Start = tuple[Span, bool, str, str]


def _by_otp(project: Project, file: SourceFile) -> Iterator[Start]:
    """Yield the calls of OTP's own start functions."""
    for call in file.production_calls(*LINKED, *ALONE):
        module, function = call.module or "", call.function or ""
        if call.place == "function" and not _may_start(project, file, module, function):
            yield (call.start, call.end), call.target in LINKED, module, function


def _by_module(project: Project, file: SourceFile) -> Iterator[Start]:
    """Yield the calls of `start_link` of the project's processes."""
    modules = production_modules(project) if START in file.text else {}
    end = -1
    while (end := file.text.find(START, end + 1)) >= 0:
        name = NAME.search(file.text, max(0, end - LONGEST), end)
        known = modules.get(file.expand(name[0].decode(), end)) if name else None
        if name is None or known is None or project.behaviours(known[1]).isdisjoint(PROCESSES):
            continue
        owner = file.module_at(end)
        if owner is None or _may_start(project, file, owner.name, ""):
            continue
        function = _function_at(file, end)
        if function is not None and not _may_start(project, file, *function):
            call = _call(file, (name.start(), end + len(START) - 1))
            if call is not None:
                yield span(call), True, *function


def _call(file: SourceFile, named: Span) -> Node | None:
    """Return the call of a name, `None` where it stands in a text or in a `quote`."""
    node: Node | None = at(file.root(), named)
    while node is not None and not target(node).endswith(".start_link"):
        node = node.parent if node.start_byte == named[0] else None
    outer = node
    while outer is not None and target(outer) != "quote":
        outer = outer.parent
    return node if outer is None else None


def _function_at(file: SourceFile, offset: int) -> tuple[str, str] | None:
    running = (f for f in file.functions if f.kind in ("def", "defp") and not f.quoted)
    for function in running:
        inside = any(clause.start <= offset < clause.end for clause in function.clauses)
        if inside and function.module:
            return function.module, function.label
    return None


def _may_start(project: Project, file: SourceFile, module: str, function: str) -> bool:
    """Whether a function is there to start processes, or its module is a process or application."""
    found = file.module(module)
    if found is None or function.startswith(STARTERS) or file.is_tool(module):
        return True
    return not project.behaviours(found).isdisjoint(OWNERS)
