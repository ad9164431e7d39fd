"""OTP023: a call that nobody can answer any more."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node, identifiers
from otp_genesis.otp.facts import Clause, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.returns import replies
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import server_modules
from otp_genesis.otp.syntax import at, code, span, walk


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


LOST = "  def handle_call(:go, _from, state), do: {:noreply, state}\n"
KEPT = (
    "  def handle_call(:go, from, state), do: {:noreply, [from | state]}\n\n"
    "  def handle_info(:done, [from | state]) do\n    GenServer.reply(from, :ok)\n"
    "    {:noreply, state}\n  end\n"
)


class CallNeverAnswered(Rule):
    """A `handle_call/3` clause returns `:noreply` and does not use `from`.

    ## Why is this bad?
    `:noreply` promises that `GenServer.reply/2` is called later with `from`; a clause that lets
    `from` go cannot keep that. The caller waits for its whole timeout and exits, every time
    (https://hexdocs.pm/elixir/GenServer.html#c:handle_call/3).

    ## Use instead
    `{:reply, answer, state}`, a cast where no answer is wanted, or `from` kept in the state until
    the answer is known.

    ## Fix safety
    None: what the caller is to be told is not in the code.
    """

    code = "OTP023"
    name = "call-never-answered"
    stage = 1
    severity = "high"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs_server = True
    effort = "minutes"
    risk = "Callers that always timed out get an answer."
    examples = (
        Bad(_server(LOST)),
        Bad(_server("  def handle_call(_, _, state) do\n    {:noreply, state, 5_000}\n  end\n")),
        Bad(
            _server(
                "  def handle_call({:put, x}, from, s) do\n    case s do\n"
                "      [] -> {:reply, from, s}\n      _ -> {:noreply, [x | s]}\n    end\n  end\n\n"
                + LOST,
            )
        ),
        Bad(
            _server(
                "  def handle_call(:a, {_pid, _ref}, s) do\n    if s do\n      {:reply, 1, s}\n"
                "    else\n      {:noreply, s, {:continue, :a}}\n    end\n  end\n",
                "  alias GenServer, as: G\n  use G\n",
            )
        ),
        Bad(_server(LOST, "  @behaviour :gen_server\n")),
        Bad(
            _server("  def handle_call(:a, _from, s), do: {:noreply, [], s}\n", "  use GenStage\n")
        ),
        Good(_server(KEPT)),
        Good(
            _server(
                "  def handle_call(:go, {p, _}, s) do\n    send(p, s)\n    {:noreply, s}\n  end\n"
            )
        ),
        Good(_server("  def handle_call(:go, _from, s), do: {:reply, {:noreply, s}, s}\n")),
        Good(_server("  def handle_call(:go, _from, s), do: {:stop, :normal, s}\n")),
        Good(
            _server(
                "  def handle_call(:go, from, s) do\n    queue(from)\n    {:noreply, s}\n  end\n"
            )
        ),
        Good(
            _server(
                "  def handle_call(:a, _, s) do\n    _ = {:noreply, s}\n    {:reply, 1, s}\n  end\n"
            )
        ),
        Good(_server("  def handle_cast(:go, state), do: {:noreply, state}\n")),
        Good(_server(LOST, "  # use GenServer\n")),
        Good(
            _server('  @doc """\n' + LOST + '  """\n  def handle_call(a, f, s), do: x(a, f, s)\n')
        ),
        Good(_server("  defmacro m do\n    quote do\n" + LOST + "    end\n  end\n")),
        Good(_server(LOST), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each clause that may return `:noreply` and never names `from`."""
        for module in server_modules(project, file, "handle_call/3"):
            function = file.function(module.name, "handle_call/3")
            root = file.root()
            for clause in function.clauses if function is not None else ():
                replied = b":noreply" not in file.text[clause.start : clause.end]
                lost = None if replied else _lost(root, clause)
                if lost is not None:
                    line = file.lines.position(lost.start_byte)[0]
                    yield self.at(
                        file,
                        clause.head,
                        "the caller of this clause is never answered and exits after its timeout",
                        module=module.name,
                        function="handle_call/3",
                        evidence=[
                            Evidence(
                                file=file.path,
                                line=line,
                                note="`from` is not used, so nobody can reply after this",
                            )
                        ],
                    )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the answer is not in the code."""
        return Declined(
            "decide what the caller is to be told: return {:reply, answer, state}, or keep `from`"
            " in the state and call GenServer.reply/2 when the answer is known"
        )


def _lost(root: Node, clause: Clause) -> Node | None:
    """Return the `:noreply` of a clause that does not use its second argument."""
    node = clause_node(root, clause)
    given = identifiers([at(root, clause.parameters[1])]) - {"_"}
    patterns = (clause.parameters[0], clause.parameters[2])
    if any(identifiers([at(root, one)]) & given for one in patterns):
        return None
    last = clause.parameters[-1][1]
    used = {code(n) for n in walk(node) if n.type == "identifier" and span(n)[0] >= last}
    if given & used or "binding" in used:
        return None
    return next(replies(node, ":noreply"), None)
