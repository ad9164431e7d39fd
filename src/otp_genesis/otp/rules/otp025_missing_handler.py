"""OTP025: a message to a server that has no clause for it."""

import re
from collections.abc import Iterator

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import WATCHED, Manner, Sent, Server, conversations
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import calls_in_callbacks

CALLBACK: dict[Manner, str] = {
    "call": "handle_call/3",
    "cast": "handle_cast/2",
    "info": "handle_info/2",
}
RECEIVE = re.compile(rb"\breceive\b")
GET = "  def handle_call({:get, key}, _from, s), do: {:reply, s[key], s}\n"
TICK = "  def handle_info(:tick, s), do: {:noreply, s}\n"


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Store do\n{head}\n{body}end\n"


def _client(call: str, head: str = "") -> str:
    return f"defmodule MyApp.Client do\n{head}  def go(x), do: {call}\nend\n"


STORE = (("lib/store.ex", _server(GET + TICK)),)


class MissingHandler(Rule):
    """A message is sent to a server of the project that has no clause for it.

    ## Why is this bad?
    A `call` or `cast` that no clause takes crashes the server with a `FunctionClauseError`, and
    with it its state is lost; the caller of a `call` exits as well
    (https://hexdocs.pm/elixir/GenServer.html#c:handle_call/3). A plain message crashes it too
    where `handle_info/2` has clauses; where it has none the message is logged and nothing is done.

    ## Use instead
    A clause for the message, or the message that the server knows: often one of both was renamed,
    or an element was added on one side only.

    Servers are recognised by their module or by a name that is written out. What is sent to a pid
    in a variable, what the code computes, and servers whose clauses may come from a macro are left
    alone; so are plain messages to a module with a `receive` of its own.

    ## Fix safety
    None: what the server should do with the message is not in the code.
    """

    code = "OTP025"
    name = "missing-handler"
    stage = 1
    severity = "high"
    safety = "model"
    kinds = PRODUCTION
    needs = WATCHED
    effort = "minutes"
    risk = "The server does something where it crashed."
    watches = WATCHED
    examples = (
        Bad(_client("GenServer.call(MyApp.Store, {:fetch, x})"), files=STORE),
        Bad(_client("GenServer.call(MyApp.Store, {:get, x, :default})"), files=STORE),
        Bad(
            _client(
                "Store |> G.cast({:put, x})", "  alias MyApp.Store\n  alias GenServer, as: G\n"
            ),
            files=STORE,
        ),
        Bad(_client("call(MyApp.Store, :all)", "  import GenServer\n"), files=STORE),
        Bad(_client("send(MyApp.Store, :tock)"), files=STORE),
        Bad(_server("  def put(k, v), do: GenServer.cast(__MODULE__, {:put, k, v})\n" + GET)),
        Bad(
            _server(
                "  @name __MODULE__\n  def put(k), do: GenServer.call(@name, {:put, k})\n" + GET
            )
        ),
        Bad(
            _server(
                "  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: :store)\n" + GET
            ),
            path="lib/store.ex",
            files=(("lib/client.ex", _client("GenServer.cast(:store, {:get, x})")),),
        ),
        Bad(
            _server(
                "  def init(x) do\n    Process.send_after(self(), :refresh, 1_000)\n"
                "    {:ok, x}\n  end\n" + TICK
            )
        ),
        Good(_client("GenServer.call(MyApp.Store, {:get, x})"), files=STORE),
        Good(_client("GenServer.call(MyApp.Store, x)"), files=STORE),
        Good(_client("GenServer.call(x, {:fetch, 1})"), files=STORE),
        Good(_client("GenServer.call(MyApp.Other, {:fetch, x})"), files=STORE),
        Good(_client("GenServer.call(MyApp.Store, {x, :fetch})"), files=STORE),
        Good(_client("quote(do: GenServer.call(MyApp.Store, {:fetch, 1}))"), files=STORE),
        Good(
            _client('"GenServer.call(MyApp.Store, {:fetch, x})" # GenServer.cast(MyApp.Store, 1)'),
            files=STORE,
        ),
        Good(_client("Store.cast(MyApp.Store, {:put, x})"), files=STORE),
        Good(
            _client("GenServer.call(MyApp.Store, {:fetch, x})"),
            files=(
                ("lib/store.ex", _server(GET + "  def handle_call(m, f, s), do: on(m, f, s)\n")),
            ),
        ),
        Good(
            _client("GenServer.call(MyApp.Store, {:fetch, x})"),
            files=(
                (
                    "lib/store.ex",
                    _server(
                        "  for tag <- [:fetch] do\n"
                        "    def handle_call({unquote(tag), _}, _, s), do: {:reply, 1, s}\n"
                        "  end\n"
                    ),
                ),
            ),
        ),
        Good(
            _client("GenServer.call(MyApp.Store, {:fetch, x})"),
            files=(("lib/store.ex", _server(GET, "  use GenServer\n  use Elsewhere.Handlers\n")),),
        ),
        Good(
            _client("GenServer.call(MyApp.Store, {:fetch, x})"),
            files=STORE,
            path="lib/mix/tasks/ask_test.exs",
        ),
        Good(
            _server(
                "  def init(x) do\n    Process.send_after(self(), :ready, 10)\n\n    receive do\n"
                "      :ready -> {:ok, x}\n    end\n  end\n" + TICK
            )
        ),
        Good(_server("  def later, do: Process.send_after(self(), :refresh, 1_000)\n" + TICK)),
        Good(
            _server(
                "  def init(x) do\n    Process.send_after(self(), {:tick, 1}, 10)\n    {:ok, x}\n"
                "  end\n  def handle_info({tag, _}, s) when is_atom(tag), do: {:noreply, s}\n"
            )
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each message that no clause of its server takes."""
        known = conversations(project)
        lost = [
            (sent, server)
            for sent in known.by_file.get(file.path, ())
            if (server := known.servers.get(sent.to or "")) is not None
            and server.closed
            and not (sent.manner == "info" and _receives(server))
            and sent.message.kind != "unknown"
            and server.handler(sent.manner, sent.message) is None
        ]
        mine = [sent.call for sent, _ in lost if sent.itself]
        running = {call.start for call, _ in calls_in_callbacks(project, file, mine)}
        for sent, server in lost:
            if not sent.itself or sent.call.start in running:
                yield self._lost(file, sent, server)

    def _lost(self, file: SourceFile, sent: Sent, server: Server) -> Finding:
        callback = CALLBACK[sent.manner]
        clauses = server.handlers[sent.manner]
        name = server.module.name
        dropped = sent.manner == "info" and not clauses
        end = "is logged and dropped" if dropped else f"crashes {name}"
        return self.at(
            file,
            (sent.call.start, sent.call.end),
            f"no {callback} clause of {name} takes {sent.message}; the {_noun(sent)} {end}",
            module=sent.call.module,
            function=sent.call.function,
            severity="medium" if dropped else None,
            evidence=[
                Evidence.at(
                    server.file,
                    handler.clause.start,
                    f"this clause of {callback} takes {handler.takes}",
                )
                for handler in clauses
            ],
        )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what the message should do is not in the code."""
        return Declined(
            "add a clause for the message to the server, or send the message that it knows"
        )


def _receives(server: Server) -> bool:
    """Whether the module may take messages by itself."""
    module = server.module
    return RECEIVE.search(server.file.text, module.start, module.end) is not None


def _noun(sent: Sent) -> str:
    return "message" if sent.manner == "info" else sent.manner
