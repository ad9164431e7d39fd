"""OTP030: a server that asks the outside world before it has started."""

from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.outside import OUTSIDE
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.served import calls_below, reached_from


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


INIT = "  def init(url) do\n    {}\n    {{:ok, url}}\n  end\n"


class BlockingInit(Rule):
    """A server's `init/1` runs a program, opens a connection or asks another service.

    ## Why is this bad?
    `start_link` returns when `init/1` does, and a supervisor starts its children one after the
    other: the whole application waits for this answer. When it does not come the start fails, the
    supervisor tries again at once, and soon gives up together with all its other children
    (https://hexdocs.pm/elixir/GenServer.html#c:init/1).

    ## Use instead
    `{:ok, state, {:continue, term}}` and `handle_continue/2`, with a state for "not connected yet".

    ## Fix safety
    None: what the server answers until the connection is there has to be decided.
    """

    code = "OTP030"
    name = "blocking-init"
    stage = 1
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = OUTSIDE
    effort = "hours"
    risk = "The server is there before its connection is; calls may come in between."
    examples = (
        Bad(_server(INIT.format("HTTPoison.get!(url)"))),
        Bad(_server(INIT.format('System.cmd("git", ["status"])'))),
        Bad(_server(INIT.format("{:ok, _} = :gen_tcp.connect(url, 80, [])"))),
        Bad(_server(INIT.format("url |> C.request!()"), "  use GenServer\n  alias Req, as: C\n")),
        Bad(_server(INIT.format("load(url)") + "\n  defp load(url), do: Req.get!(url)\n")),
        Bad(_server(INIT.format(':os.cmd(~c"ls")'), "  @behaviour :gen_server\n")),
        Bad(_server(INIT.format("get!(url)"), "  use GenServer\n  import Req\n")),
        Good(_server(INIT.format("Req.new(url: url)"))),
        Good(
            _server(
                "  def init(url), do: {:ok, url, {:continue, :load}}\n\n"
                "  def handle_continue(:load, url), do: {:noreply, Req.get!(url)}\n"
            )
        ),
        Good(_server(INIT.format("Task.start(fn -> Req.get!(url) end)"))),
        Good(_server(INIT.format("url") + "\n  def load(url), do: Req.get!(url)\n")),
        Good(_server(INIT.format("# Req.get!(url)"))),
        Good(_server(INIT.format("Req.get!(url)"), "  use GenServer\n  alias MyApp.Req\n")),
        Good(_server(INIT.format("Req.get!(url)"), "  # use GenServer\n")),
        Good(_server(INIT.format("Req.get!(url)")), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each question that `init/1` reaches."""
        calls = file.production_calls(*OUTSIDE)
        for call, _ in calls_below(project, file, calls, "init/1"):
            yield self.at(
                file,
                (call.start, call.end),
                f"whoever starts {call.module} waits for this; so does the supervisor",
                module=call.module,
                function=call.function,
                evidence=reached_from(file, call, "init/1"),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the state before the answer has to be thought of."""
        return Declined(
            "decide what the server answers before this has come: return {:continue, term} from"
            " init/1 and do it in handle_continue/2"
        )
