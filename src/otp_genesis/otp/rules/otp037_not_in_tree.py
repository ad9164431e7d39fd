"""OTP037: a process that nothing starts."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import WATCHED, Sent, conversations
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.supervised import Unstarted, unstarted

MIX = (
    "defmodule MyApp.MixProject do\n  use Mix.Project\n  def project, do: [app: :my_app]\n"
    "  def application, do: [mod: {MyApp.Application, []}]\nend\n"
)


def _app(children: str) -> str:
    return (
        "defmodule MyApp.Application do\n  use Application\n"
        "  def start(_, _) do\n"
        f"    Supervisor.start_link([{children}], strategy: :one_for_one)\n  end\nend\n"
    )


def _files(
    children: str = "", *more: tuple[str, str], mix: str = MIX
) -> tuple[tuple[str, str], ...]:
    return (("mix.exs", mix), ("lib/application.ex", _app(children)), *more)


def _server(head: str = "  use GenServer\n", more: str = "") -> str:
    return (
        f"defmodule MyApp.Cache do\n{head}\n"
        "  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: __MODULE__)\n"
        "  def get(k), do: GenServer.call(__MODULE__, {:get, k})\n  def init(x), do: {:ok, x}\n"
        f"  def handle_call({{:get, k}}, _, s), do: {{:reply, s[k], s}}\n{more}end\n"
    )


CLIENT = ("lib/client.ex", "defmodule MyApp.Client do\n  def go, do: MyApp.Cache.get(1)\nend\n")


def _user(code: str) -> tuple[str, str]:
    return ("lib/user.ex", f"defmodule MyApp.User do\n  def go(x), do: {code}\nend\n")


class NotInTree(Rule):
    """A process module that no supervisor lists and that no code of the application starts.

    ## Why is this bad?
    A process that belongs to an application is started and restarted by its supervision tree
    (https://hexdocs.pm/elixir/Supervisor.html). One that nothing starts does not run: a call of it
    exits with `:noproc`, a cast to it is lost, and tests that start it by hand prove code that
    production never runs.

    ## Use instead
    A child in a supervisor's list; or no module, where it has no use any more.

    A module counts as started where its name stands anywhere in `lib`, `config` or `mix.exs` but
    in a call of its functions. A module of a published package that nothing in the package talks
    to is left to those who start it.

    ## Fix safety
    None: where in the tree it belongs, and with which arguments, is not in the code.
    """

    code = "OTP037"
    name = "not-in-tree"
    stage = 3
    severity = "low"
    safety = "model"
    kinds = PRODUCTION
    effort = "minutes"
    risk = "A process runs that did not run before."
    watches = WATCHED
    examples = (
        Bad(_server(), files=_files()),
        Bad(_server(), files=_files("MyApp.Other", CLIENT)),
        Bad(_server("  use Agent\n"), files=_files("# MyApp.Cache\n")),
        Bad(_server("  @behaviour GenServer\n"), files=_files("{MyApp.CacheWarmer, []}")),
        Bad(
            _server(),
            files=_files("", ("test/cache_test.exs", "MyApp.Cache.start_link(1)\n")),
        ),
        Bad(_server(), files=_files("", _user("GenServer.call(MyApp.Cache, {:get, x})"))),
        Good(_server(), files=_files("MyApp.Cache")),
        Good(
            _server(),
            files=_files(
                "",
                (
                    "lib/sup.ex",
                    "defmodule MyApp.Sup do\n  alias MyApp.Cache, as: C\n"
                    "  def init(_), do: Supervisor.init([{C, 1}], strategy: :one_for_one)\nend\n",
                ),
            ),
        ),
        Good(_server(), files=_files("", _user("MyApp.Cache.start_link(x)"))),
        Good(_server(), files=_files("", _user("start(:cache, [MyApp.Cache])"))),
        Good(
            _server(),
            files=_files(
                "", ("config/config.exs", "import Config\n\nconfig :my_app, cache: MyApp.Cache\n")
            ),
        ),
        Good(
            _server(more="  def go(x), do: DynamicSupervisor.start_child(X, {__MODULE__, x})\n"),
            files=_files(),
        ),
        Good(_server(more="  def ensure(x), do: start_link(x)\n"), files=_files()),
        Good(_server("  # use GenServer\n"), files=_files()),
        Good(_server(), files=_files(mix=MIX.replace("app: :my_app", "app: :my_app, package: []"))),
        Good(_server()),
        Good(_server(), path="test/support/cache.ex", files=_files()),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the header of each module that nothing starts."""
        for one in unstarted(project).get(file.path, ()):
            name = one.module.name
            asking = [place for place in one.mentions if _asks(project, one, *place)]
            if one.published and not asking:
                continue
            end = "so it never runs"
            if asking:
                end = "so the calls of its functions exit with :noproc or are lost"
            yield self.at(
                file,
                one.module.header,
                f"no supervisor lists {name} and no code of the application starts it, {end}",
                module=name,
                severity="medium" if asking else None,
                evidence=[
                    Evidence.at(
                        other,
                        place,
                        "it is spoken to here",
                    )
                    for other, place in asking or one.mentions
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: its place in the tree is not in the code."""
        return Declined(
            "add it to the children of the supervisor whose part it is, or remove the module"
        )


def _asks(project: Project, one: Unstarted, file: SourceFile, place: int) -> bool:
    """Whether a mention talks to the process by its name, by itself or by a client function."""
    known = conversations(project)
    to: tuple[Sent, ...] = known.to.get(one.module.name, ())
    if any(sent.file is file and sent.call.start <= place < sent.call.end for sent in to):
        return True
    end = place + len(one.module.name.rpartition(".")[2])
    called = file.text[end + 1 : end + 80].decode(errors="replace")
    functions = {
        (sent.call.function or "").partition("/")[0]
        for sent in to
        if sent.call.module == one.module.name
    }
    return any(called.startswith(f"{name}(") for name in functions if name)
