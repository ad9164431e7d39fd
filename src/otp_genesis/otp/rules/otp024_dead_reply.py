"""OTP024: an answer that may be an error, and that nobody looks at."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node, clauses
from otp_genesis.otp.facts import Call, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.returns import replies
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import server_modules
from otp_genesis.otp.syntax import at, code, parts

TARGETS = ("GenServer.call/2", "GenServer.call/3", ":gen_server.call/2", ":gen_server.call/3")


def _server(body: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.Store do\n  use GenServer\n{head}\n  def save(pid, x) do\n{body}"
        "    :ok\n  end\n\n  def init(x), do: {:ok, x}\n\n"
        "  def handle_call({:save, x}, _from, s) do\n    if x in s do\n"
        "      {:reply, {:error, :taken}, s}\n    else\n      {:reply, :ok, [x | s]}\n    end\n"
        "  end\n\n  def handle_call(:clear, _from, _), do: {:reply, :ok, []}\nend\n"
    )


class DeadReply(Rule):
    """A call's answer is dropped though the server may answer with an error.

    ## Why is this bad?
    The caller waits for the answer and goes on as if all were well: that the server refused is
    lost.

    ## Use instead
    `:ok = GenServer.call(…)` where an error must not be, a `case` where it may; the answer itself
    as what the function returns (https://hexdocs.pm/elixir/GenServer.html#call/3).

    ## Fix safety
    None: what the caller does on an error has to be decided. A call that is only made to wait for
    the server is not reported: the server's clause must be seen to answer `{:error, …}` or
    `:error`.
    """

    code = "OTP024"
    name = "dead-reply"
    stage = 4
    severity = "low"
    safety = "model"
    effort = "minutes"
    risk = "Errors that were lost come to light."
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    examples = (
        Bad(_server("    GenServer.call(pid, {:save, x})\n")),
        Bad(_server("    G.call(pid, {:save, x}, 1_000)\n", "  alias GenServer, as: G\n")),
        Bad(_server("    pid |> GenServer.call({:save, x})\n")),
        Bad(_server("    _ = :gen_server.call(__MODULE__, {:save, x})\n")),
        Bad(_server("    Enum.each(x, fn one -> GenServer.call(pid, {:save, one}) end)\n")),
        Good(_server("    :ok = GenServer.call(pid, {:save, x})\n")),
        Good(_server("    GenServer.call(pid, :clear)\n")),
        Good(_server("    GenServer.call(pid, {:other, x})\n")),
        Good(_server("    GenServer.call(pid, x)\n")),
        Good(_server("    GenServer.cast(pid, {:save, x})\n")),
        Good(_server("    answer = GenServer.call(pid, {:save, x})\n    log(answer)\n")),
        Good(_server("    GenServer.call(MyApp.Other, {:save, x})\n")),
        Good(_server("    # GenServer.call(pid, {:save, x})\n")),
        Good(_server("    GenServer.call(pid, {:save, x})\n", "  alias MyApp.GenServer\n")),
        Good(_server("    GenServer.call(pid, {:save, x})\n"), path="test/support/store.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the call; the error that is answered is evidence."""
        calls = [call for call in file.production_calls(*TARGETS) if call.use == "dropped"]
        for module in server_modules(project, file, "handle_call/3") if calls else ():
            for call in calls:
                refusal = _refusal(file, module, call) if call.module == module.name else None
                if refusal is None:
                    continue
                yield self.at(
                    file,
                    (call.start, call.end),
                    f"{module.name} may answer {code(refusal)}, and the answer is dropped",
                    module=call.module,
                    function=call.function,
                    evidence=[
                        Evidence(
                            file=file.path,
                            line=refusal.start_point[0] + 1,
                            note="this answer is lost",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what the caller does on an error has to be decided."""
        return Declined("match the answer, as :ok = GenServer.call(…), or return it")


def _refusal(file: SourceFile, module: Module, call: Call) -> Node | None:
    """Return the error with which the clause that takes the message may answer."""
    if len(call.arguments) < 2 or not _is_own(file, module, call):
        return None
    tag = _tag(at(file.root(), call.arguments[1]))
    for clause in clauses(file, module, "handle_call/3") if tag else ():
        if _tag(at(file.root(), clause.parameters[0])) != tag:
            continue
        for reply in replies(clause_node(file.root(), clause), ":reply"):
            answer = parts(reply)[1]
            if code(answer) == ":error" or _tag(answer)[:1] == (":error",):
                return answer
    return None


def _is_own(file: SourceFile, module: Module, call: Call) -> bool:
    """Whether the one called is not another module's server by its name."""
    name = file.slice(call.arguments[0])
    return not name[:1].isupper() or file.expand(name, call.start) == module.name


def _tag(message: Node) -> tuple[str, int] | tuple[()]:
    """Return the atom that a message begins with, and how many elements it has."""
    if message.type == "atom":
        return (code(message), 0)
    given = parts(message) if message.type == "tuple" else []
    return (code(given[0]), len(given)) if given and given[0].type == "atom" else ()
