"""OTP014: state in the process dictionary."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule

WRITES = ("Process.put/2", "Process.delete/1", ":erlang.put/2", ":erlang.erase/1")
READS = ("Process.get/1", "Process.get/2")
OF_OTP = (':"$', ":rand_seed", ":$")
"""Keys that OTP itself keeps there."""


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Cart do\n{head}  def add(item) do\n{body}  end\nend\n"


class ProcessDictionary(Rule):
    """State is kept in the process dictionary.

    ## Why is this bad?
    It is hidden from every signature: a function's result depends on which process runs it and on
    what ran there before, nothing of it reaches a task or another node, and a crash loses it
    without a trace. The Erlang programming rules advise against it
    (https://www.erlang.se/doc/programming_rules.shtml, 5.11).

    ## Use instead
    An argument, the server's state, an ETS table, or `Logger.metadata/1` for logging.

    ## Fix safety
    None: where the value is to live instead, and who passes it on, has to be decided first.
    """

    code = "OTP014"
    name = "process-dictionary"
    stage = 2
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = WRITES
    effort = "hours"
    risk = "Functions get another parameter, or a server another key in its state."
    examples = (
        Bad(_module("    Process.put(:items, [item])\n")),
        Bad(_module("    P.put(:items, [item])\n", "  alias Process, as: P\n")),
        Bad(_module("    :items |> Process.put(item)\n")),
        Bad(_module("    :erlang.put(:items, item)\n")),
        Bad(_module("    Process.delete(item)\n    Process.get(item)\n")),
        Good(_module("    Process.get(item)\n")),
        Good(_module("    Map.put(%{}, :items, item)\n")),
        Good(_module("    Process.put(:items, item)\n", "  alias MyApp.Process\n")),
        Good(_module('    Process.put(:"$callers", [item])\n')),
        Good(_module("    # Process.put(:items, item)\n    item\n")),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: Process.put(:x, unquote(x)))\nend\n"),
        Good(_module("    Process.put(:items, item)\n"), path="test/cart_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each write; the module's reads are evidence."""
        for call in file.production_calls(*WRITES):
            key = file.slice(call.arguments[0]) if call.arguments else ""
            if key.startswith(OF_OTP):
                continue
            reads = [
                Evidence.at(
                    file,
                    read.start,
                    "the same key is read here",
                )
                for read in file.calls_to(*READS)
                if key and read.arguments and file.slice(read.arguments[0]) == key
            ]
            yield self.at(
                file,
                (call.start, call.end),
                f"hidden state under the key {key or 'it is given'}: no signature shows it",
                module=call.module,
                function=call.function,
                evidence=reads,
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the value needs another home."""
        return Declined(
            "decide where the value lives instead: an argument, the server's state or an ETS table"
        )
