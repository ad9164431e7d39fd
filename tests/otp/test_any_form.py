"""However a watched function is written, with however many arguments, a scan comes to its end."""

import pytest

from otp_genesis.otp.project import Project
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import scan
from otp_genesis.otp.vocabulary import VOCABULARY

FORMS = (
    "{name}({arguments})",
    "x |> {name}({arguments})",
    "x = {name}({arguments})",
    "&{name}/{arity}",
    "Enum.each(x, &{name}/{arity})",
    "Enum.each(x, fn x -> {name}({arguments}) end)",
    "case {name}({arguments}) do\n      x -> x\n    end",
    "if {name}({arguments}), do: {name}({arguments})",
)
HEADS = ("  use GenServer\n", "  import MyApp.Other\n")
FUNCTIONS = ("init(x)", "handle_call(x, _from, s)", "other(x)")


def module(head: str, *names: str) -> str:
    """Return a module with each name in each form, in each function, with up to three arguments."""
    statements = [
        form.format(name=name, arity=arity, arguments=", ".join(["x"] * arity))
        for name in names
        for form in FORMS
        for arity in range(4)
    ]
    body = "".join(f"    {statement}\n" for statement in statements)
    functions = "".join(f"  def {function} do\n{body}  end\n\n" for function in FUNCTIONS)
    return f"defmodule MyApp.Any do\n{head}\n{functions}end\n"


@pytest.mark.parametrize("owner", sorted(VOCABULARY.functions))
def test_any_form(owner: str) -> None:
    """No rule fails, neither in checking nor in repairing what it found."""
    names = [f"{owner}.{name}" for name in sorted(VOCABULARY.of(owner))]
    if owner == "Kernel":
        names = sorted(VOCABULARY.kernel - {"receive"})
    rules = {rule.code: rule for rule in all_rules()}
    project = Project.of({f"lib/a{n}.ex": module(head, *names) for n, head in enumerate(HEADS)})
    report = scan(project, rules.values())

    assert not report.unparsed
    for finding in {one.rule: one for one in report.findings}.values():
        rules[finding.rule].fix(project, finding)


@pytest.mark.parametrize("call", ["receive(x)", "x |> receive()", "&receive/1", "receive do\n end"])
def test_receive(call: str) -> None:
    """A function of that name, and a `receive` with no clause, are none to report."""
    files = {"lib/a.ex": module(HEADS[0], "f").replace("&f/0", call)}

    found = scan(Project.of(files), all_rules()).findings
    assert not [one for one in found if one.rule in ("OTP010", "OTP011")]
