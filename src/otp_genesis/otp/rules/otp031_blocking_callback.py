"""OTP031: a server that asks the outside world while its callers wait."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import AGENTS, SERVERS, servers
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.outside import OUTSIDE
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import calls_below, reached_from

ROOTS = ("handle_call/3", "handle_cast/2", "handle_info/2")


def _server(body: str, head: str = "  use GenServer\n", call: str = "url") -> str:
    asked = f"  def handle_call(:url, _from, url), do: {{:reply, {call}, url}}\n"
    return f"defmodule MyApp.Server do\n{head}\n{asked}\n{body}end\n"


INFO = "  def handle_info(:poll, url) do\n    {}\n    {{:noreply, url}}\n  end\n"


class BlockingCallback(Rule):
    """A server that is called runs a program, or asks another service, in a callback.

    ## Why is this bad?
    A server handles one message after the other. While it waits for the other service nobody is
    answered; when that service is slow, all callers run into their timeouts, those too that only
    wanted to know something the server has at hand
    (https://hexdocs.pm/elixir/GenServer.html, "When (not) to use a GenServer").

    ## Use instead
    A task below a `Task.Supervisor` that does the waiting, and `GenServer.reply/2` when it has
    the answer; or the caller itself.

    ## Fix safety
    None: the rest of the callback becomes a message of its own. A server without `handle_call/3`
    is not reported, because nobody waits for it; `handle_continue/2` is not, because it follows
    the start. An agent of a framework is called through the framework.
    """

    code = "OTP031"
    name = "blocking-callback"
    stage = 3
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = OUTSIDE
    effort = "hours"
    risk = "Other messages are handled while the server used to wait."
    examples = (
        Bad(_server(INFO.format("Req.get!(url)"))),
        Bad(_server("", call="HTTPoison.get(url)")),
        Bad(_server(INFO.format('System.cmd("df", ["-h"])'))),
        Bad(_server(INFO.format("load(url)") + "\n  defp load(url), do: url |> Req.get!()\n")),
        Bad(
            _server(
                INFO.format("Enum.each([url], &C.get!/1)"), "  use GenServer\n  alias Req, as: C\n"
            )
        ),
        Bad(
            _server(
                "  def handle_cast(:go, s) do\n    :httpc.request(s)\n    {:noreply, s}\n  end\n"
            )
        ),
        Bad(
            'defmodule A do\n  use Jido.Agent, name: "a"\n\n'
            + INFO.format('System.cmd("uptime", [])')
            + "end\n"
        ),
        Bad(
            'defmodule A do\n  use Jido.Agent, name: "a"\n\n'
            "  def handle_measure(agent, _params), do: {load(), agent}\n\n"
            '  defp load, do: System.cmd("uptime", [])\nend\n'
        ),
        Good(
            _server("  def handle_measure(url, _params), do: Req.get!(url)\n"),
        ),
        Good(_server(INFO.format("get = fn -> Req.get!(url) end\n    Task.start(get)"))),
        Good(_server(INFO.format("Task.start(fn -> Req.get!(url) end)"))),
        Good(_server(INFO.format("Task.Supervisor.async_nolink(S, fn -> Req.get!(url) end)"))),
        Good(_server(INFO.format("Task.start(&load/0)") + "\n  def load, do: Req.get!(1)\n")),
        Good(_server("  def handle_continue(:a, url), do: {:noreply, Req.get!(url)}\n")),
        Good(_server("  def load(url), do: Req.get!(url)\n")),
        Good(_server(INFO.format("# Req.get!(url)"))),
        Good(_server(INFO.format("Req.get!(url)"), "  use GenServer\n  alias MyApp.Req\n")),
        Good(_server(INFO.format("Req.get!(url)"), "  # use GenServer\n")),
        Good("defmodule P do\n  use GenServer\n\n" + INFO.format("Req.get!(url)") + "end\n"),
        Good(_server(INFO.format("Req.get!(url)")), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each question that a callback of a server with callers reaches."""
        calls = file.production_calls(*OUTSIDE)
        behaviours = SERVERS | AGENTS
        roots = (*ROOTS, *_action_handlers(project, file)) if calls else ROOTS
        for call, callback in calls_below(project, file, calls, *roots, behaviours=behaviours):
            if not _is_called(project, file, call):
                continue
            yield self.at(
                file,
                (call.start, call.end),
                f"while {callback} waits for this, {call.module} answers nobody",
                module=call.module,
                function=call.function,
                evidence=reached_from(file, call, callback),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the callback has to be cut in two."""
        return Declined(
            "let a task below a Task.Supervisor wait for it and send its result, and answer callers"
            " with GenServer.reply/2 when it has come"
        )


def _action_handlers(project: Project, file: SourceFile) -> list[str]:
    """Return the functions that agents of a framework handle their actions with."""
    return [
        function.label
        for module in servers(project, file, AGENTS)
        for function in file.functions_of(module.name)
        if function.kind == "def" and function.name.startswith("handle_")
        if function.arity == 2 and function.label not in ROOTS
    ]


def _is_called(project: Project, file: SourceFile, call: Call) -> bool:
    """Whether others wait for the server's answers: it handles calls, or is a framework's agent."""
    module = file.module(call.module)
    agent = module is not None and bool(project.behaviours(module) & AGENTS)
    return agent or file.function(call.module, "handle_call/3") is not None
