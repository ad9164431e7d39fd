"""OTP065: callbacks that do not say that they are some."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.callbacks import CALLBACKS
from otp_genesis.otp.facts import Function, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import server_modules

LABELS = tuple(sorted(CALLBACKS | {"terminate/2", "code_change/3", "format_status/1"}))


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


INIT = "  def init(x), do: {:ok, x}\n"
CALL = """\

  def handle_call(:get, _from, x), do: {:reply, x, x}
  def handle_call(:put, _from, x), do: {:reply, :ok, x}
"""
IMPL = "  @impl true\n"


class MissingImpl(Rule):
    """A server marks none of its callbacks with `@impl`.

    ## Why is this bad?
    The compiler checks what `@impl true` stands above: a callback whose name or arity is misspelt
    is a function that nobody calls, and without the mark nothing says so. The reader cannot tell
    callbacks from the server's own functions
    (https://hexdocs.pm/elixir/Module.html#module-impl).

    ## Use instead
    `@impl true` above the first clause of each callback.

    ## Fix safety
    Safe: nothing changes at run time. Once one callback has it the compiler wants it for all of
    the behaviours of a module, so the fix marks them all, and is not made where a module has
    another behaviour too. Modules that mark some are the compiler's to warn of.
    """

    code = "OTP065"
    name = "missing-impl"
    stage = 5
    severity = "info"
    safety = "safe"
    effort = "minutes"
    risk = "None at run time; a misspelt callback becomes a warning."
    reach = "file"
    kinds = PRODUCTION
    needs_server = True
    examples = (
        Bad(_server(INIT), fixed=_server(IMPL + INIT)),
        Bad(_server(INIT + CALL), fixed=_server(IMPL + INIT + CALL.replace("\n", "\n" + IMPL, 1))),
        Bad(
            _server("  # how it starts\n  @doc false\n" + INIT, "  @behaviour GenServer\n"),
            fixed=_server(
                "  # how it starts\n  @doc false\n" + IMPL + INIT, "  @behaviour GenServer\n"
            ),
        ),
        Bad(_server(INIT, "  use GenServer\n  @behaviour MyApp.Store\n")),
        Bad(
            _server(INIT, "  use MyApp.Base\n"),
            files=(
                (
                    "lib/base.ex",
                    "defmodule MyApp.Base do\n  defmacro __using__(_) do\n    quote do\n"
                    "      use GenServer\n    end\n  end\nend\n",
                ),
            ),
        ),
        Good(_server(IMPL + INIT)),
        Good(_server(IMPL + INIT + CALL)),
        Good(_server("  @impl GenServer\n" + INIT)),
        Good(_server("  def start(x), do: x\n")),
        Good(_server(INIT, "  # use GenServer\n")),
        Good(_server("  defmacro m do\n    quote do\n" + INIT + "    end\n  end\n")),
        Good(_server('  @doc "def init(x), do: x"\n  def init(x, y), do: {x, y}\n')),
        Good(_server(INIT), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the module; its callbacks are evidence."""
        for module in server_modules(project, file, *LABELS):
            found = _callbacks(file, module)
            marked = any(c.impl for f in file.functions_of(module.name) for c in f.clauses)
            if found and not marked:
                names = ", ".join(function.label for function in found)
                yield self.at(
                    file,
                    module.header,
                    f"{module.name} marks none of its callbacks ({names}) with @impl: the compiler"
                    " cannot tell a misspelt one",
                    module=module.name,
                    evidence=[
                        Evidence.at(
                            file,
                            function.clauses[0].start,
                            f"{function.label} is a callback",
                        )
                        for function in found
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Mark all callbacks."""
        file = project.files[finding.file]
        module = file.module(finding.module)
        if module is None:
            return Declined("the module is no longer there")
        if {*module.uses, *module.behaviours} != {"GenServer"}:
            return Declined("callbacks of its other behaviours want @impl then, too")
        edits = []
        for function in _callbacks(file, module):
            start = function.clauses[0].start
            indent = file.lines.indent(start)
            edits.append(Edit(start=start, end=start, text=f"@impl true\n{indent}"))
        return ChangeSet(files=(file.change(*edits),))


def _callbacks(file: SourceFile, module: Module) -> list[Function]:
    """Return the public callbacks that a server defines."""
    return [f for f in file.functions_of(module.name) if f.label in LABELS and f.kind == "def"]
