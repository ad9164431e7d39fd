"""OTP022: a last clause that takes every message and says nothing."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.callbacks import clause_node, is_total, require_logger
from otp_genesis.otp.facts import Clause, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import server_modules
from otp_genesis.otp.syntax import body, code, parts

CLAUSE = """\
def handle_cast(message, {state}) do
{indent}  {logger}.warning("unexpected cast: #{{inspect(message)}}")
{indent}  {result}
{indent}end"""
SAID = frozenset({":ok", "nil", "true", "[]", "%{}"})
"""Answers that do not tell a caller that nothing was done."""


def _server(body: str, head: str = "  use GenServer\n  require Logger\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


PUT = "  def handle_cast({:put, x}, _state), do: {:noreply, x}\n\n"
GET = "  def handle_call(:get, _from, state), do: {:reply, state, state}\n\n"
LOGGED = """\
  def handle_cast(message, state) do
    Logger.warning("unexpected cast: #{inspect(message)}")
    {:noreply, state}
  end
"""


class SilentCatchAll(Rule):
    """A clause takes every cast and drops it, or answers every call as if it were done.

    ## Why is this bad?
    A cast or a call is sent on purpose, by code of the same project. When its name is misspelt or
    its clause is gone, nobody learns of it: `use GenServer` would have raised, this clause hides
    it (https://hexdocs.pm/elixir/GenServer.html#c:handle_cast/2).

    ## Use instead
    No such clause, so that the mistake is seen; or one that logs the message, and for a call an
    answer that says that it was not understood.

    ## Fix safety
    Safe: a cast's clause logs the message and keeps the state, as before. What a call is to be
    answered has to be decided. `handle_info/2` is not looked at: anybody may send a message.
    """

    code = "OTP022"
    name = "silent-catch-all"
    stage = 4
    severity = "low"
    safety = "safe"
    reach = "file"
    kinds = PRODUCTION
    needs_server = True
    effort = "minutes"
    risk = "A cast that nobody understands is logged where it was dropped."
    examples = (
        Bad(
            _server(PUT + "  def handle_cast(_msg, state), do: {:noreply, state}\n"),
            fixed=_server(PUT + LOGGED),
        ),
        Bad(
            _server(PUT + "  def handle_cast(_, state) do\n    {:noreply, state}\n  end\n"),
            fixed=_server(PUT + LOGGED),
        ),
        Bad(
            _server(
                PUT + "  def handle_cast(_msg, state), do: {:noreply, state}\n", "  use GenServer\n"
            ),
            fixed=_server(PUT + LOGGED, "  use GenServer\n  require Logger\n"),
        ),
        Bad(
            _server(
                "  def handle_cast({:put, x}, _state), do: {:noreply, [], x}\n\n"
                "  def handle_cast(_msg, state), do: {:noreply, [], state}\n",
                "  use GenStage\n  require Logger\n",
            ),
            fixed=_server(
                "  def handle_cast({:put, x}, _state), do: {:noreply, [], x}\n\n"
                + LOGGED.replace(":noreply,", ":noreply, [],"),
                "  use GenStage\n  require Logger\n",
            ),
        ),
        Bad(_server(GET + "  def handle_call(_msg, _from, state), do: {:reply, :ok, state}\n")),
        Bad(
            _server(
                GET + "  def handle_call(_, _, s) do\n    {:reply, nil, s}\n  end\n",
                "  @behaviour :gen_server\n",
            )
        ),
        Good(_server(PUT + LOGGED)),
        Good(_server(PUT)),
        Good(_server(PUT + "  def handle_cast(_msg, state), do: {:noreply, tick(state)}\n")),
        Good(_server(PUT + "  def handle_cast(_msg, nil), do: {:noreply, nil}\n")),
        Good(_server(PUT + "  def handle_cast(m, s) when is_atom(m), do: {:noreply, s}\n")),
        Good(_server(GET + "  def handle_call(_, _, s), do: {:reply, {:error, :unknown}, s}\n")),
        Good(_server("  def handle_call(_, _, s), do: {:reply, :ok, s}\n")),
        Good(_server("  def handle_info(_msg, state), do: {:noreply, state}\n")),
        Good(_server(PUT + "  # def handle_cast(_msg, state), do: {:noreply, state}\n")),
        Good(_server(PUT + "  def handle_cast(_m, s), do: {:noreply, s}\n", "  # use GenServer\n")),
        Good(
            _server(PUT + "  def handle_cast(_m, s), do: {:noreply, s}\n"),
            path="test/support/server.ex",
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the clause, where others of the same function do something."""
        for module in server_modules(project, file, "handle_cast/2", "handle_call/3"):
            for label in ("handle_call/3", "handle_cast/2"):
                function = file.function(module.name, label)
                root = file.root()
                clauses = function.clauses if function is not None else ()
                for clause in clauses[1:]:
                    if is_total(file, root, clause) and _drops(clause_node(root, clause)):
                        yield self.at(
                            file,
                            clause.head,
                            f"a message that no other {label} clause knows is lost without a word",
                            module=module.name,
                            function=label,
                        )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Log what a cast brings."""
        file = project.files[finding.file]
        module, clause = file.module(finding.module), _clause(file, finding)
        if module is None or clause is None:
            return Declined("the clause is no longer there")
        if finding.function != "handle_cast/2":
            return Declined(
                "decide what a caller is told whose call is not understood: raise, by leaving the"
                " clause out, or reply {:error, …}"
            )
        state = file.slice(clause.parameters[1])
        text = CLAUSE.format(
            state=state,
            result=code(body(clause_node(file.root(), clause))[0]),
            logger=file.reference("Logger", clause.start),
            indent=file.lines.indent(clause.start),
        )
        edit = Edit(start=clause.start, end=clause.end, text=text)
        logger = require_logger(file, module, clause.start)
        return ChangeSet(files=(file.change(*logger, edit),))


def _clause(file: SourceFile, finding: Finding) -> Clause | None:
    function = file.function(finding.module, finding.function)
    return next(
        (
            clause
            for clause in (function.clauses if function is not None else ())
            if file.lines.position(clause.start)[0] == finding.line
        ),
        None,
    )


def _drops(clause: Node) -> bool:
    """Whether a clause only returns the state that it was given, and says nothing."""
    done = body(clause)
    given = parts(done[0]) if len(done) == 1 and done[0].type == "tuple" else []
    if len(given) < 2 or given[-1].type != "identifier":
        return False
    written = [code(one) for one in given[:-1]]
    return written in ([":noreply"], [":noreply", "[]"]) or (
        written[0] == ":reply" and written[1] in SAID
    )
