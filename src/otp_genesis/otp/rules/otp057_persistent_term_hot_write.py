"""OTP057: a persistent term that a server changes while it runs."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import calls_below, reached_from

TARGETS = (":persistent_term.put/2", ":persistent_term.erase/1")
HANDLERS = ("handle_call/3", "handle_cast/2", "handle_info/2")


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Flags do\n{head}  def init(x), do: {{:ok, x}}\n{body}end\n"


SET = """\
  def handle_cast({:set, flags}, state) do
    :persistent_term.put(__MODULE__, flags)
    {:noreply, state}
  end
"""


class PersistentTermHotWrite(Rule):
    """A server changes a persistent term for a message.

    ## Why is this bad?
    Reading a persistent term is free because changing one is not: each change or erasure of a term
    has all processes of the node looked through for the old value, and a garbage collection made
    in those that hold it (https://www.erlang.org/doc/apps/erts/persistent_term.html).

    ## Use instead
    An ETS table with `read_concurrency: true` for what changes while the application runs;
    persistent terms for what is set once, at the start.

    ## Fix safety
    None: how often the message comes has to be known. A write in `init/1`, `handle_continue/2` or
    `terminate/2` is not reported.
    """

    code = "OTP057"
    name = "persistent-term-hot-write"
    stage = 3
    severity = "low"
    safety = "model"
    effort = "hours"
    risk = "Readers pay for a copy out of the table."
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    examples = (
        Bad(_server(SET)),
        Bad(_server(SET.replace(".put(__MODULE__, flags)", ".erase(flags)"))),
        Bad(
            _server(
                "  def handle_info(:tick, s), do: {:noreply, save(s)}\n"
                "  defp save(s) do\n    s |> keep()\n    :persistent_term.put(:flags, s)\n"
                "    s\n  end\n"
            )
        ),
        Bad(
            _server(
                "  def handle_call({:set, flags}, _from, s) do\n"
                "    {:reply, :persistent_term.put(:a, flags), s}\n  end\n",
                "  @behaviour GenServer\n",
            )
        ),
        Good(_server("").replace("{:ok, x}", "{:ok, :persistent_term.put(:a, x)}")),
        Good(
            _server("  def handle_continue(:a, s), do: {:noreply, :persistent_term.put(:a, s)}\n")
        ),
        Good(_server("  def terminate(_, s), do: :persistent_term.erase(s)\n")),
        Good(_server("  def set(flags), do: :persistent_term.put(:a, flags)\n")),
        Good(_server("  def handle_cast(k, s), do: {:noreply, s, :persistent_term.get(k)}\n")),
        Good(_server(SET, "  # use GenServer\n")),
        Good(_server('  # :persistent_term.put(1, 2)\n  @a ":persistent_term.put(1, 2)"\n')),
        Good(_server("  defmacro m do\n    quote do\n" + SET + "    end\n  end\n")),
        Good(_server(SET), path="test/support/flags.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each write that a message leads to."""
        calls = file.production_calls(*TARGETS)
        for call, callback in calls_below(project, file, calls, *HANDLERS):
            yield self.at(
                file,
                (call.start, call.end),
                f"{callback} changes a persistent term, which has every process of the node looked"
                " through; look how often its message comes",
                module=call.module,
                function=call.function,
                evidence=reached_from(file, call, callback),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: how often the term changes has to be known."""
        return Declined("keep what changes in an ETS table, and set persistent terms at the start")
