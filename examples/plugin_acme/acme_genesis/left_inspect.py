"""A rule: what it finds, why that is bad, and examples that its test holds it against."""

from typing import ClassVar

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good


class LeftInspect(CallRule):
    """An `IO.inspect` is left in production code.

    ## Why is this bad?
    It writes to standard output from whatever process runs it: nobody reads it there, and it shows
    what it is given, passwords too.

    ## Use instead
    `Logger.debug/1`, with a level that production leaves out.

    ## Fix safety
    None: what was to be seen, and by whom, its author knows.
    """

    code = "ACME001"
    name = "left-inspect"
    stage = 4
    severity = "low"
    safety = "none"
    effort = "minutes"
    risk = "None: only output is lost."
    targets: ClassVar = ("IO.inspect/1", "IO.inspect/2")
    flaw = "an IO.inspect is left here"
    examples = (
        Bad("defmodule A do\n  def f(x), do: IO.inspect(x)\nend\n"),
        Bad("defmodule A do\n  def f(x), do: x |> IO.inspect(label: :x)\nend\n"),
        Good("defmodule A do\n  def f(x), do: inspect(x)\nend\n"),
        Good("defmodule A do\n  # IO.inspect(x)\n  def f(x), do: x\nend\n"),
    )

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Decline: its author knows what was to be seen."""
        return Declined("replace it by Logger.debug/1, or take it out")
