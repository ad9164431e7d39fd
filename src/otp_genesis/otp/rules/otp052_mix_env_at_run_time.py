"""OTP052: behaviour chosen by `Mix.env()` while the application runs."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.call_rule import CallRule
from otp_genesis.otp.callbacks import directive_place, module_node
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Bad, Declined, Finding, Good
from otp_genesis.otp.served import is_caught
from otp_genesis.otp.syntax import at, child, code, walk

TARGETS = ("Mix.env/0",)
ASKED = ("ensure_loaded?(Mix)", "function_exported?(Mix", "Code.ensure_loaded(Mix)")
"""What in the same function says that Mix may be missing."""


def _module(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Jobs do\n{head}\n  def limit do\n{body}  end\nend\n"


FIXED = "  use GenServer\n\n  @mix_env Mix.env()\n"


class MixEnvAtRunTime(CallRule):
    """A function asks `Mix.env()` when it runs.

    ## Why is this bad?
    Mix is a build tool and not part of a release: the call raises `UndefinedFunctionError` there,
    where no test runs it. And what is tested is another program than the one that is deployed
    (https://hexdocs.pm/mix/Mix.html#env/0).

    ## Use instead
    Configuration: `Application.get_env/3`, set differently for each environment in `config/`, or
    an argument. A module attribute where the code really differs by build.

    ## Fix safety
    Unsafe: the fix asks once, when the module is compiled. In a library that is `:prod` for the
    project that depends on it, whatever that project's own environment is. A function that asks
    whether there is Mix, or rescues, is not reported; nor is a project whose `extra_applications`
    take `:mix` into its releases.
    """

    code = "OTP052"
    name = "mix-env-at-run-time"
    stage = 5
    severity = "medium"
    safety = "unsafe"
    effort = "minutes"
    risk = "The environment is that of the build; a release no longer raises here."
    targets = TARGETS
    flaw = "a release has no Mix: this raises there"
    examples = (
        Bad(
            _module("    if Mix.env() == :test, do: 1, else: 10\n"),
            fixed=_module("    if @mix_env == :test, do: 1, else: 10\n", FIXED),
        ),
        Bad(
            _module("    Mix.env()\n", "  @moduledoc false\n"),
            fixed=_module("    @mix_env\n", "  @moduledoc false\n\n  @mix_env Mix.env()\n"),
        ),
        Bad(
            _module("    {Mix.env(), Mix.env() == :dev}\n"),
            fixed=_module("    {@mix_env, @mix_env == :dev}\n", FIXED),
            count=2,
        ),
        Bad(
            _module(
                "    case M.env() do\n      :prod -> 10\n      _ -> 1\n    end\n",
                "  use GenServer\n  alias Mix, as: M\n",
            ),
            fixed=_module(
                "    case @mix_env do\n      :prod -> 10\n      _ -> 1\n    end\n",
                "  use GenServer\n  alias Mix, as: M\n\n  @mix_env Mix.env()\n",
            ),
        ),
        Bad(
            _module("    Mix.env()\n", "  @mix_env :other\n"),
            files=(
                (
                    "mix.exs",
                    "defmodule MyApp.MixProject do\n  use Mix.Project\n\n  def project do\n"
                    "    [app: :my_app, dialyzer: [plt_add_apps: [:mix]]]\n  end\nend\n",
                ),
            ),
        ),
        Bad(
            _module(
                "    Enum.map([1], fn _ -> Mix.env() end) |> then(& &1)\n    (&Mix.env/0).()\n"
            ),
            fixed=_module(
                "    Enum.map([1], fn _ -> @mix_env end) |> then(& &1)\n    (&Mix.env/0).()\n",
                FIXED,
            ),
            count=1,
        ),
        Good(_module("    @env\n", "  @env Mix.env()\n")),
        Good("defmodule M do\n  if Mix.env() == :test do\n    def limit, do: 1\n  end\nend\n"),
        Good(_module("    unquote(Mix.env() == :dev)\n")),
        Good(_module("    if Code.ensure_loaded?(Mix), do: Mix.env()\n")),
        Good(_module("    Mix.env()\n  rescue\n    UndefinedFunctionError -> :prod\n")),
        Good(_module('    # Mix.env()\n    "Mix.env()"\n')),
        Good(_module("    Mix.env()\n", "  alias MyApp.Mix\n")),
        Good("defmodule Mix.Tasks.Seed do\n  use Mix.Task\n  def run(_), do: Mix.env()\nend\n"),
        Good(
            _module("    Mix.env()\n"),
            files=(
                (
                    "mix.exs",
                    "defmodule MyApp.MixProject do\n  use Mix.Project\n\n  def application do\n"
                    "    [extra_applications: [:logger, :mix]]\n  end\nend\n",
                ),
            ),
        ),
        Good("defmodule M do\n  defmacro env, do: Mix.env()\nend\n"),
        Good(_module("    Mix.env()\n"), path="test/jobs_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each call, where the project does not take Mix into its releases."""
        if file.production_calls(*TARGETS) and not _ships_mix(project):
            yield from super().check(project, file)

    def is_flaw(self, file: SourceFile, call: Call) -> bool:
        """Only a call in a function that runs where Mix may be missing."""
        function = file.function(call.module, call.function)
        if call.place != "function" or call.form == "captured" or function is None:
            return False
        text = "".join(file.slice((clause.start, clause.end)) for clause in function.clauses)
        known = any(asked in text for asked in ASKED)
        return not known and not is_caught(at(file.root(), (call.start, call.end)))

    def repair(self, project: Project, file: SourceFile, call: Call) -> ChangeSet | Declined:
        """Ask when the module is compiled."""
        module = file.module(call.module)
        block = child(module_node(file, module), "do_block") if module is not None else None
        if module is None or block is None:
            return Declined("the module is no longer there")
        use = Edit(start=call.start, end=call.end, text="@mix_env")
        known = [one.value for one in module.attributes if one.name == "mix_env" and one.value]
        if known and set(known) != {"Mix.env()"}:
            return Declined("@mix_env is something else in this module; name the attribute by hand")
        if known:
            return ChangeSet(files=(file.change(use),))
        place, _ = directive_place(block)
        indent = file.lines.indent(module.start) + "  "
        ask = f"{indent}@mix_env {file.reference('Mix', place)}.env()"
        text = f"\n{ask}\n" if place == block.start_byte + len("do") else f"\n\n{ask}"
        return ChangeSet(files=(file.change(Edit(start=place, end=place, text=text), use),))


def _ships_mix(project: Project) -> bool:
    """Whether a mix.exs lists `:mix` among applications, elsewhere than for Dialyzer."""
    for file in project.files.values():
        if file.kind == "mix" and b":mix" in file.text:
            for node in walk(file.root()):
                listed = node.type == "list" and ":mix" in map(code, node.named_children)
                pair = node.parent
                key = pair.child_by_field_name("key") if listed and pair is not None else None
                if listed and not code(key).startswith("plt_"):
                    return True
    return False
