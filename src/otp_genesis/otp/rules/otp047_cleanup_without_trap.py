"""OTP047: cleaning up in `terminate/2`, which a shutdown does not run."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node, mentions_atom, module_node
from otp_genesis.otp.facts import Function, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import server_modules
from otp_genesis.otp.syntax import target, walk

TOLD = (
    "Logger.",
    "IO.",
    ":telemetry.execute",
    ":telemetry.span",
    "inspect",
    "Process.cancel_timer",
    "Process.demonitor",
)
"""Calls that tell of the end, and no more."""
FREED = (
    ":ets.",
    "File.close",
    "Port.close",
    "Process.unregister",
    ":gen_tcp.close",
    ":gen_udp.close",
    ":ssl.close",
)
"""Calls that give back what goes with the process anyway."""
PLAIN = ("Enum.", "Map.", "Keyword.", "List.", "MapSet.", "String.", "System.", "DateTime.")
"""Modules whose functions do nothing but what the functions do that they are given."""
FORMS = frozenset(
    {"def", "defp", "if", "unless", "case", "cond", "with", "for", "try", "self", "match?"}
    | {"is_nil", "map_size", "length", "elem", "hd", "tl", "to_string", "not", "receive"}
)


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


INIT = "  def init(path), do: {:ok, path}\n\n"
TRAP = "  def init(path) do\n    Process.flag(:trap_exit, true)\n    {:ok, path}\n  end\n\n"
CLEAN = "  def terminate(_reason, path), do: File.rm_rf(path)\n"


class CleanupWithoutTrap(Rule):
    """A server cleans up in `terminate/2` and does not trap exits.

    ## Why is this bad?
    A supervisor stops its children with an exit signal. A server that does not trap exits dies of
    it at once and `terminate/2` is not run: at each deploy and each restart of the supervisor the
    cleaning is left out (https://hexdocs.pm/elixir/GenServer.html#c:terminate/2).

    ## Use instead
    `Process.flag(:trap_exit, true)` in `init/1` with a clause for `{:EXIT, pid, reason}`; where it
    must never be left out, a process that monitors this one and cleans up after it.

    ## Fix safety
    None: once exits are trapped, the end of each linked process is a message that the server has
    to take. A `terminate/2` that only logs, or closes what dies with the process, is not reported.
    """

    code = "OTP047"
    name = "cleanup-without-trap"
    stage = 1
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs_server = True
    effort = "minutes"
    risk = "Exits of linked processes become messages; a shutdown waits for the cleaning."
    examples = (
        Bad(_server(INIT + CLEAN)),
        Bad(
            _server(
                INIT + "  def terminate(reason, s) do\n    Logger.info(inspect(reason))\n"
                "    save(s)\n  end\n"
            )
        ),
        Bad(_server(INIT + "  def terminate(:normal, _), do: :ok\n" + CLEAN)),
        Bad(_server(INIT + "  def terminate(_, s), do: s |> Enum.each(&Conn.release/1)\n")),
        Bad(_server(INIT + CLEAN, "  @behaviour :gen_server\n")),
        Bad(_server("  # Process.flag(:trap_exit, true)\n" + INIT + CLEAN)),
        Good(_server(TRAP + CLEAN)),
        Good(_server(INIT + "  def terminate(_reason, _state), do: :ok\n")),
        Good(_server(INIT + '  def terminate(r, _), do: Logger.info("ended: #{inspect(r)}")\n')),
        Good(_server(INIT + "  def terminate(_, t) do\n    :ets.delete(t)\n    :ok\n  end\n")),
        Good(_server(INIT + "  def terminate(_, %{port: p}) when p != nil, do: Port.close(p)\n")),
        Good(
            _server(
                INIT
                + "  def terminate(_, t) do\n    free(t)\n    Enum.each(t, fn _ -> 1 end)\n  end\n"
                + "  defp free(t), do: if(:ets.whereis(t) != :undefined, do: :ets.delete(t))\n"
            )
        ),
        Good(
            _server(INIT + "  def terminate(r, %{mod: mod} = s), do: mod.terminate(r, s.inner)\n")
        ),
        Good(_server(INIT + "  def terminate(r, _), do: MyApp.Telemetry.stop(:server, r)\n")),
        Good(_server(INIT + "  # def terminate(_, s), do: save(s)\n")),
        Good(_server(INIT + CLEAN, "  # use GenServer\n")),
        Good(_server(INIT + CLEAN), path="test/support/server.ex"),
        Good(
            _server(INIT + CLEAN, "  use MyApp.Base\n"),
            files=(
                (
                    "lib/base.ex",
                    "defmodule MyApp.Base do\n  defmacro __using__(_) do\n    quote do\n"
                    "      use GenServer\n      def start(_), do: Process.flag(:trap_exit, true)\n"
                    "    end\n  end\nend\n",
                ),
            ),
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the first clause that cleans up."""
        for module in server_modules(project, file, "terminate/2"):
            function = file.function(module.name, "terminate/2")
            cleaning = _cleaning(file, function) if function is not None else None
            if function is None or cleaning is None or _traps(project, file, module):
                continue
            yield self.at(
                file,
                function.clauses[0].head,
                f"a supervisor's shutdown ends {module.name} without running this",
                module=module.name,
                function="terminate/2",
                evidence=[
                    Evidence.at(
                        file,
                        cleaning.start_byte,
                        f"`{target(cleaning)}` is left out then",
                    )
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what a linked process's exit means has to be decided."""
        return Declined(
            "put Process.flag(:trap_exit, true) into init/1 and take {:EXIT, pid, reason} in"
            " handle_info/2, or clean up in a process that monitors this one"
        )


def _cleaning(
    file: SourceFile, function: Function, seen: frozenset[str] = frozenset()
) -> Node | None:
    """Return the first call in `function` whose effect outlives the process."""
    root = file.root()
    for clause in function.clauses:
        for node in walk(clause_node(root, clause)):
            called = target(node)
            if not called or node.start_byte < clause.head[1] or _is_plain(node):
                continue
            own = _own(file, function, called)
            if own is None or (
                own.label not in seen and _cleaning(file, own, seen | {function.label})
            ):
                return node
    return None


def _own(file: SourceFile, function: Function, name: str) -> Function | None:
    """Return the function of the same module that is called so."""
    return next((f for f in file.functions_of(function.module) if f.name == name), None)


def _is_plain(call: Node) -> bool:
    """Whether a call tells, frees, asks or reads, or belongs to somebody else's module."""
    called = target(call)
    if called in FORMS or called.startswith((*TOLD, *FREED, *PLAIN)) or "Telemetry." in called:
        return True
    module, _, name = called.rpartition(".")
    if re.match(r"[a-z_@]", module):
        return True
    return name.startswith("is_") or name.endswith("?")


def _traps(project: Project, file: SourceFile, module: Module) -> bool:
    if mentions_atom(module_node(file, module), ":trap_exit"):
        return True
    return any(b":trap_exit" in used.text for used in project.files_used(module))
