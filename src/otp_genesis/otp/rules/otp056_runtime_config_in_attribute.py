"""OTP056: configuration that is read while the module is compiled."""

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Good
from otp_genesis.otp.syntax import at, code, inside

TARGETS = (
    "Application.get_env/2",
    "Application.get_env/3",
    "Application.fetch_env!/2",
)
NEW = {"get_env": "compile_env", "fetch_env!": "compile_env!"}


def _module(head: str, body: str = "    @limit\n") -> str:
    return f"defmodule MyApp.Jobs do\n{head}\n  def limit do\n{body}  end\nend\n"


class RuntimeConfigInAttribute(CallRule):
    """A module attribute is read from the application's environment by a function for run time.

    ## Why is this bad?
    An attribute has its value from the time of compilation. What `config/runtime.exs` or a release
    sets later is not seen, without a word; a change of `config/config.exs` does not recompile the
    module (https://hexdocs.pm/elixir/design-anti-patterns.html, "Compile-time dependencies";
    https://hexdocs.pm/elixir/Application.html#compile_env/3).

    ## Use instead
    `Application.compile_env/3`, which recompiles the module and fails at start where the value is
    another one then; `Application.get_env/3` inside a function where it may change.

    ## Fix safety
    Unsafe: the application no longer starts where the value at run time differs from the one it
    was compiled with. It used to start, with the wrong value.
    """

    code = "OTP056"
    name = "runtime-config-in-attribute"
    stage = 5
    severity = "medium"
    safety = "unsafe"
    effort = "minutes"
    risk = "The application does not start with a value other than the one compiled in."
    targets = TARGETS
    flaw = "the value is that of the time of compilation; what is configured later is not seen"
    examples = (
        Bad(
            _module("  @limit Application.get_env(:my_app, :limit)\n"),
            fixed=_module("  @limit Application.compile_env(:my_app, :limit)\n"),
        ),
        Bad(
            _module("  @limit Application.get_env(:my_app, :limit, 10)\n"),
            fixed=_module("  @limit Application.compile_env(:my_app, :limit, 10)\n"),
        ),
        Bad(
            _module("  @limit Application.fetch_env!(:my_app, :limit)\n"),
            fixed=_module("  @limit Application.compile_env!(:my_app, :limit)\n"),
        ),
        Bad(
            _module("  alias Application, as: A\n\n  @limit A.get_env(:my_app, :limit) || 5\n"),
            fixed=_module(
                "  alias Application, as: A\n\n  @limit A.compile_env(:my_app, :limit) || 5\n"
            ),
        ),
        Bad(
            _module("  @app :my_app\n  @limit Application.get_env(@app, :limit)[:jobs]\n"),
            fixed=_module(
                "  @app :my_app\n  @limit Application.compile_env(@app, :limit)[:jobs]\n"
            ),
        ),
        Bad(_module("  @limit :my_app |> Application.get_env(:limit)\n")),
        Good(_module("  @limit Application.compile_env(:my_app, :limit)\n")),
        Good(_module("", "    Application.get_env(:my_app, :limit)\n")),
        Good(_module("  @limit 5\n", "    Application.get_env(:my_app, :limit, @limit)\n")),
        Good(_module("  # @limit Application.get_env(:my_app, :limit)\n", "    1\n")),
        Good(_module("  @read &Application.get_env/2\n", "    @read\n")),
        Good(_module("  @read fn -> Application.get_env(:a, :b) end\n", "    @read\n")),
        Good(_module('  @moduledoc "Application.get_env(:my_app, :limit)"\n', "    1\n")),
        Good(_module("  alias MyApp.Application\n  @limit Application.get_env(:my_app, :limit)\n")),
        Good(_module("  @limit Application.get_env(:my_app, :limit)\n"), path="test/jobs_test.exs"),
    )

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Only a call whose value an attribute takes."""
        if call.place != "body" or call.form == "captured":
            return False
        node = at(file.root(), (call.start, call.end))
        if inside(node, "anonymous_function") is not None:
            return False
        outer = inside(node, "unary_operator")
        while outer is not None and code(outer.child_by_field_name("operator")) != "@":
            outer = inside(outer, "unary_operator")
        return outer is not None

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Read it as what it is: a value of the time of compilation."""
        if call.form == "piped":
            return Declined("compile_env is a macro that wants its arguments in their places")
        start, end = call.name
        module, _, name = file.slice(call.name).rpartition(".")
        if not module:
            return Declined("the function is imported; name its module first")
        text = f"{module}.{NEW[name]}"
        return ChangeSet(files=(file.change(Edit(start=start, end=end, text=text)),))
