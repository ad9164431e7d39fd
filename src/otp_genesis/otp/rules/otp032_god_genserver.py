"""OTP032: a server that does too much."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import AGENTS, CALLBACKS, SERVERS, servers
from otp_genesis.otp.facts import Function, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule, Severity
from otp_genesis.otp.server_state import state_keys

LIMITS = {"callback clauses": 14, "public functions": 16, "state keys": 9, "lines": 500}
RANKS: dict[int, Severity] = {2: "low", 3: "medium", 4: "medium"}


def _server(handlers: int, functions: int, keys: int = 0, use: str = "GenServer") -> str:
    state = ", ".join(f"key_{n}: nil" for n in range(keys))
    return "\n".join(
        [
            f"defmodule MyApp.Everything do\n  use {use}\n",
            f"  def init(_), do: {{:ok, %{{{state}}}}}\n",
            *(f"  def act_{n}(s), do: GenServer.call(s, {n})" for n in range(functions)),
            *(f"  def handle_call({n}, _, s), do: {{:reply, {n}, s}}" for n in range(handlers)),
            "end\n",
        ]
    )


class GodGenServer(Rule):
    """A server that owns many concerns at once.

    ## Why is this bad?
    All of its work is done one message after the other by one process, so unrelated callers wait
    for each other, and a crash in one concern loses the state of all. The Elixir guide warns of
    servers that organise code and not run-time properties
    (https://hexdocs.pm/elixir/process-anti-patterns.html#code-organization-by-process).

    ## Use instead
    One server for each state that has to be changed together, plain modules for what computes,
    and a supervisor that joins them.

    ## Fix safety
    None: which concerns belong together has to be decided. A server is reported when it is over
    two of four high limits (14 callback clauses, 16 public functions, 9 state keys, 500 lines)
    and its rank grows with their number.
    """

    code = "OTP032"
    name = "god-genserver"
    stage = 3
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs_server = True
    effort = "days"
    risk = "Callers find functions in other modules, and changes that were atomic may no longer be."
    examples = (
        Bad(_server(20, 25)),
        Bad(_server(20, 0, 15)),
        Bad(_server(0, 25, 15)),
        Bad(_server(20, 25, 15)),
        Good(_server(20, 0)),
        Good(_server(5, 5, 5)),
        Good(_server(0, 40)),
        Good(_server(20, 25, 15, use="Agent")),
        Good(_server(20, 25).replace("  use GenServer", "  # use GenServer")),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the module's name."""
        for module in servers(project, file, SERVERS | AGENTS):
            measures = _measures(file, module)
            over = [name for name, limit in LIMITS.items() if measures[name] >= limit]
            if len(over) >= 2:
                told = ", ".join(f"{measures[name]} {name}" for name in LIMITS)
                yield self.at(
                    file,
                    module.header,
                    f"{module.name} does too much for one process: {told}",
                    module=module.name,
                    severity=RANKS[len(over)],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the concerns have to be told apart."""
        return Declined(
            "decide which keys of the state change together; each such group can become a server"
        )


def _is_callback(function: Function) -> bool:
    return function.label in CALLBACKS or function.name.startswith("handle_")


def _measures(file: SourceFile, module: Module) -> dict[str, int]:
    public = [
        function
        for function in file.functions_of(module.name)
        if function.kind == "def" and not _is_callback(function)
    ]
    handlers = sum(
        len(function.clauses)
        for function in file.functions_of(module.name)
        if function.kind == "def" and function.name.startswith("handle_")
    )
    lines = file.text[module.start : module.end].count(b"\n") + 1
    near = handlers >= LIMITS["callback clauses"] or len(public) >= LIMITS["public functions"]
    keys = len(state_keys(file, module)) if near or lines >= LIMITS["lines"] else 0
    return {
        "callback clauses": handlers,
        "public functions": len(public),
        "state keys": keys,
        "lines": lines,
    }
