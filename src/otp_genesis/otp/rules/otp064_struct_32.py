"""OTP064: a struct of more fields than a small map holds."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.syntax import arguments, call_named_at, code, parse, parts, target

DEFSTRUCT = re.compile(rb"\bdefstruct\b")
LIMIT = 32
MANY = [f"field_{number}" for number in range(LIMIT)]
NAMES = ", ".join(f":{name}" for name in MANY)
PAIRS = ", ".join(f"{name}: nil" for name in MANY)


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Order do\n{head}{body}end\n"


class Struct32(Rule):
    """A struct has 32 fields or more.

    ## Why is this bad?
    Maps of up to 32 keys share their keys and are copied as one small tuple; `__struct__` is one
    key more. A larger struct is a tree: it takes more memory, and each update more steps. The
    Elixir guide lists it under code anti-patterns as "Structs with 32 fields or more"
    (https://hexdocs.pm/elixir/code-anti-patterns.html#structs-with-32-fields-or-more).

    ## Use instead
    A field that holds the optional ones as a map, or a struct for each group that belongs together.

    ## Fix safety
    None: which fields belong together has to be decided, and their users change. For information:
    it matters where many of these structs are kept.
    """

    code = "OTP064"
    name = "struct-32"
    stage = 3
    severity = "info"
    safety = "model"
    effort = "hours"
    risk = "Code that reads a moved field has to be changed."
    reach = "file"
    kinds = PRODUCTION
    examples = (
        Bad(_module(f"  defstruct [{NAMES}]\n")),
        Bad(_module(f"  defstruct {PAIRS}\n")),
        Bad(_module(f"  defstruct [:id, :no, {PAIRS}]\n")),
        Bad(
            _module(
                "  defstruct(\n    # all of them\n    " + PAIRS.replace(", ", ",\n    ") + "\n  )\n"
            )
        ),
        Bad(_module("  defstruct ~w(" + " ".join(MANY) + ")a\n")),
        Bad(_module("  defstruct @fields\n", f"  @fields [{NAMES}]\n")),
        Good(_module("  defstruct [" + ", ".join(f":{name}" for name in MANY[1:]) + "]\n")),
        Good(_module("  defstruct [:a, rest: [" + NAMES + "]]\n")),
        Good(_module("  defstruct @fields\n", f"  @fields [{NAMES}]\n  @fields [:a]\n")),
        Good(_module("  defstruct [:a]\n", f"  # defstruct [{NAMES}]\n")),
        Good(_module("  defstruct [:a]\n", f'  @doc "defstruct [{NAMES}]"\n')),
        Good(
            _module(f"  defmacro m do\n    quote do\n      defstruct [{NAMES}]\n    end\n  end\n")
        ),
        Good(_module("  defstruct fields()\n")),
        Good(_module(f"  defstruct [{NAMES}]\n").replace("MyApp", "Mix")),
        Good(_module(f"  defstruct [{NAMES}]\n"), path="test/support/order.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the `defstruct`."""
        if b"defstruct" not in file.text:
            return
        for match in DEFSTRUCT.finditer(file.text):
            node = call_named_at(file.root(), match.span())
            module = file.module_at(match.start())
            given = arguments(node) if node is not None else []
            if node is None or module is None or not given or _is_left_out(file, module, node):
                continue
            count = _fields(given[0], module)
            if count >= LIMIT:
                yield self.at(
                    file,
                    match.span(),
                    f"{module.name} has {count} fields: from {LIMIT} on a struct is a large map,"
                    " which takes more memory and more steps to update",
                    module=module.name,
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the fields have to be grouped."""
        return Declined("group the fields that belong together in structs of their own")


def _is_left_out(file: SourceFile, module: Module, node: Node) -> bool:
    """Whether the struct is made where the module is used, or serves a tool."""
    if file.is_tool(module.name):
        return True
    outer = node.parent
    while outer is not None and target(outer) != "quote":
        outer = outer.parent
    return outer is not None


def _fields(given: Node, module: Module) -> int:
    """Return how many fields are declared, 0 where the code computes them."""
    if given.type == "list":
        return sum(len(parts(one)) if one.type == "keywords" else 1 for one in parts(given))
    if given.type == "keywords":
        return len(parts(given))
    if given.type == "sigil" and code(given).startswith("~w"):
        return len(code(given).split())
    named = [each.value for each in module.attributes if f"@{each.name}" == code(given)]
    literal = parse(named[-1].encode()).root_node.named_children if named else []
    return _fields(literal[0], module) if literal and not named[-1].startswith("@") else 0
