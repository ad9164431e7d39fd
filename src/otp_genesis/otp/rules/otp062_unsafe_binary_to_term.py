"""OTP062: terms read from bytes that may hold anything."""

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good
from otp_genesis.otp.syntax import at, code, walk

TARGETS = (":erlang.binary_to_term/1", ":erlang.binary_to_term/2")
WRITTEN = "term_to_"
"""What makes such bytes: `:erlang.term_to_binary`, `:erlang.term_to_iovec`."""


def _module(body: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.Store do\n{head}  def load(bytes, opts) do\n{body}    opts\n  end\nend\n"
    )


class UnsafeBinaryToTerm(CallRule):
    """Bytes are turned into a term without `:safe`.

    ## Why is this bad?
    The bytes may name atoms that do not exist yet. Atoms are never freed: whoever can choose the
    bytes can fill the atom table, which ends the whole node
    (https://www.erlang.org/doc/apps/erts/erlang.html#binary_to_term/2).

    ## Use instead
    `:erlang.binary_to_term(bytes, [:safe])`; `Plug.Crypto.non_executable_binary_to_term/2` where
    bytes come from outside, because terms may hold functions, too.

    ## Fix safety
    Unsafe: bytes with an atom that no loaded module names then raise `ArgumentError`, which may
    also be good bytes, read before the module that names it is loaded. A module
    that makes such bytes itself is not reported.
    """

    code = "OTP062"
    name = "unsafe-binary-to-term"
    stage = 1
    severity = "medium"
    safety = "unsafe"
    effort = "minutes"
    risk = "Bytes that name an unknown atom raise where they were read."
    targets = TARGETS
    flaw = "bytes with new atoms fill the atom table, which is never emptied"
    examples = (
        Bad(
            _module("    x = :erlang.binary_to_term(bytes)\n    keep(x)\n"),
            fixed=_module("    x = :erlang.binary_to_term(bytes, [:safe])\n    keep(x)\n"),
        ),
        Bad(
            _module("    bytes |> :erlang.binary_to_term() |> keep()\n"),
            fixed=_module("    bytes |> :erlang.binary_to_term([:safe]) |> keep()\n"),
        ),
        Bad(
            _module("    keep(:erlang.binary_to_term(bytes, [:used]))\n"),
            fixed=_module("    keep(:erlang.binary_to_term(bytes, [:safe, :used]))\n"),
        ),
        Bad(
            _module(
                "    keep(binary_to_term(bytes))\n", "  import :erlang, only: [binary_to_term: 1]\n"
            ),
        ),
        Bad(_module("    Enum.map(bytes, &:erlang.binary_to_term/1)\n")),
        Bad(
            _module("    keep(:erlang.binary_to_term(bytes, []))\n"),
            fixed=_module("    keep(:erlang.binary_to_term(bytes, [:safe]))\n"),
        ),
        Good(_module("    keep(:erlang.binary_to_term(bytes, [:safe]))\n")),
        Good(_module("    keep(:erlang.binary_to_term(bytes, [:used, :safe]))\n")),
        Good(_module("    keep(:erlang.binary_to_term(bytes, opts))\n")),
        Good(_module("    keep(:erlang.binary_to_term(:erlang.term_to_binary(bytes)))\n")),
        Good(_module('    # :erlang.binary_to_term(bytes)\n    ":erlang.binary_to_term(bytes)"\n')),
        Good(_module("    Plug.Crypto.non_executable_binary_to_term(bytes, [:safe])\n")),
        Good(_module("    quote do\n      :erlang.binary_to_term(bytes)\n    end\n")),
        Good(_module("    :erlang.binary_to_term(bytes)\n"), path="test/store_test.exs"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Only bytes from elsewhere, without the option."""
        if len(call.arguments) > 1:
            options = at(file.root(), call.arguments[1])
            if options.type != "list" or ":safe" in code(options):
                return False
        module = file.module(call.module)
        return module is None or WRITTEN not in file.slice((module.start, module.end))

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Give the option."""
        if not call.arguments:
            return Declined("a captured function is given one argument; write the call there")
        if not call.target.startswith(file.slice(call.name)):
            return Declined("the import brings the function of one argument only; change it first")
        if len(call.arguments) > 1:
            return self._with_option(file, call)
        end = call.arguments[0][1]
        if call.form == "piped":
            end = call.end - 1
            if file.text[end : call.end] != b")":
                return Declined("give the piped call its parentheses first")
            return ChangeSet(files=(file.change(Edit(start=end, end=end, text="[:safe]")),))
        return ChangeSet(files=(file.change(Edit(start=end, end=end, text=", [:safe]")),))

    def _with_option(self, file: SourceFile, call: Call) -> ChangeSet | Declined:
        start = call.arguments[1][0] + 1
        first = next(walk(at(file.root(), call.arguments[1])))
        text = ":safe, " if first.named_child_count else ":safe"
        return ChangeSet(files=(file.change(Edit(start=start, end=start, text=text)),))
