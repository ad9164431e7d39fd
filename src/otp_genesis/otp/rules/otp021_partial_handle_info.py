"""OTP021: `handle_info` that does not take every message."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import after, require_logger, servers, total_clause
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.generated_test import proven, snake
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import (
    PRODUCTION,
    Bad,
    Declined,
    Evidence,
    Finding,
    GeneratedTest,
    Good,
    Rule,
)
from otp_genesis.otp.syntax import at

CLAUSE = """\
def handle_info(message, state) do
  {logger}.warning("unexpected message: #{{inspect(message)}}")
  {{:noreply, state}}
end"""
MESSAGE = "otp_genesis: a message that nobody expects"


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


TICK = "  def handle_info(:tick, state), do: {:noreply, state}\n"
TOTAL = """
  def handle_info(message, state) do
    Logger.warning("unexpected message: #{inspect(message)}")
    {:noreply, state}
  end
"""
LOGGED = "  use GenServer\n  require Logger\n"


class PartialHandleInfo(Rule):
    """A server's `handle_info/2` has clauses, and none of them takes every message.

    ## Why is this bad?
    `use GenServer` brings a `handle_info/2` that logs what it does not know; the first clause of
    one's own takes its place. From then on any stray message, of a topic that learned a new one,
    of a port or an `:EXIT`, crashes the server with a `FunctionClauseError` and its state is lost
    (https://hexdocs.pm/elixir/GenServer.html#c:handle_info/2).

    ## Use instead
    A last clause that logs the message and keeps the state.

    ## Fix safety
    Unsafe: the server goes on where it crashed. The fix appends such a clause after the last
    one, and `require Logger` where it is missing.
    """

    code = "OTP021"
    name = "partial-handle-info"
    stage = 1
    severity = "medium"
    safety = "unsafe"
    reach = "file"
    kinds = PRODUCTION
    needs_server = True
    effort = "minutes"
    risk = "A message that nobody expects is logged where it ended the server."
    examples = (
        Bad(_server(TICK), fixed=_server(TICK + TOTAL, LOGGED)),
        Bad(_server(TICK, LOGGED), fixed=_server(TICK + TOTAL, LOGGED)),
        Bad(
            _server("  def handle_info(m, s) when is_atom(m), do: {:noreply, s}\n", LOGGED),
            fixed=_server(
                "  def handle_info(m, s) when is_atom(m), do: {:noreply, s}\n" + TOTAL, LOGGED
            ),
        ),
        Bad(
            _server(TICK, "  @behaviour GenServer\n  alias MyApp.Logger\n"),
            fixed=_server(
                TICK + TOTAL.replace("Logger", "Elixir.Logger"),
                "  @behaviour GenServer\n  alias MyApp.Logger\n  require Elixir.Logger\n",
            ),
        ),
        Bad(
            _server(
                TICK + "\n  def handle_info(_any, %{on: true} = s), do: {:noreply, s}\n", LOGGED
            ),
            fixed=_server(
                TICK + "\n  def handle_info(_any, %{on: true} = s), do: {:noreply, s}\n" + TOTAL,
                LOGGED,
            ),
        ),
        Bad(
            _server(TICK, "  use MyApp.Base\n  require Logger\n"),
            fixed=_server(TICK + TOTAL, "  use MyApp.Base\n  require Logger\n"),
            files=(
                (
                    "lib/base.ex",
                    "defmodule MyApp.Base do\n  defmacro __using__(_) do\n    quote do\n"
                    "      use GenServer\n    end\n  end\nend\n",
                ),
            ),
        ),
        Good(_server(TICK + "\n  def handle_info(_msg, state), do: {:noreply, state}\n")),
        Good(_server(TICK + "\n  def handle_info(msg, %S{} = s), do: {:noreply, log(msg, s)}\n")),
        Good(_server(TICK + "\n  def handle_info(_, %{a: a} = s), do: {:noreply, put(a, s)}\n")),
        Good(_server("  def handle_call(:x, _from, s), do: {:reply, :ok, s}\n")),
        Good(_server(TICK, "  # use GenServer\n")),
        Good(_server(TICK), path="test/support/server.ex"),
        Good(_server("  defmacro m do\n    quote do\n" + TICK + "    end\n  end\n")),
        Good(
            _server(TICK, "  use MyApp.Base\n"),
            files=(
                (
                    "lib/base.ex",
                    "defmodule MyApp.Base do\n  defmacro __using__(_) do\n    quote do\n"
                    "      use GenServer\n      @before_compile MyApp.Base\n    end\n  end\n"
                    "  defmacro __before_compile__(_) do\n    quote do\n"
                    "      def handle_info(_, s), do: {:noreply, s}\n    end\n  end\nend\n",
                ),
            ),
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the first clause."""
        for module in servers(project, file):
            function = file.function(module.name, "handle_info/2")
            if function is None or function.kind != "def":
                continue
            if total_clause(file, function) or _is_given(project, module):
                continue
            count = len(function.clauses)
            yield self.at(
                file,
                function.clauses[0].head,
                f"none of {count} handle_info clauses takes every message; an unexpected one"
                f" crashes {module.name}",
                module=module.name,
                function="handle_info/2",
                evidence=[
                    Evidence.at(
                        file,
                        clause.start,
                        "this clause takes some messages only",
                    )
                    for clause in function.clauses
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Append a clause that logs the message and keeps the state."""
        file = project.files[finding.file]
        module = file.module(finding.module)
        function = file.function(finding.module, "handle_info/2")
        if module is None or function is None:
            return Declined("the module has no handle_info any more")
        last = function.clauses[-1]
        text = CLAUSE.format(logger=file.reference("Logger", last.start))
        logger = require_logger(file, module, last.start)
        return ChangeSet(files=(file.change(*logger, after(file, last, text)),))

    def test(self, project: Project, finding: Finding) -> GeneratedTest | Declined:
        """Prove that the server outlives an unexpected message."""
        file = project.files[finding.file]
        function = file.function(finding.module, "handle_info/2")
        if function is None or finding.module is None:
            return Declined("the module has no handle_info any more")
        root = file.root()
        kinds = {at(root, clause.parameters[0]).type for clause in function.clauses[:-1]}
        if not kinds <= {"atom", "tuple", "map", "integer", "boolean"}:
            return Declined("another clause may take the message that the test would send")
        name = finding.module
        return proven(
            project,
            f"{project.app_of(file.path)}test/otp_genesis/{snake(name)}_otp021_test.exs",
            f"OtpGenesis.{name.replace('.', '')}OTP021Test",
            [
                "  @moduletag :capture_log",
                "",
                '  test "a message that nobody expects keeps the server and its state" do',
                f'    message = "{MESSAGE}"',
                f"    assert {{:noreply, :state}} = {name}.handle_info(message, :state)",
                "  end",
            ],
            f"{name} outlives a message that it does not know",
        )


def _is_given(project: Project, module: Module) -> bool:
    """Whether a module that is used brings a `handle_info/2` of its own."""
    used = project.files_used(module)
    return any(f.quoted and f.label == "handle_info/2" for file in used for f in file.functions)
