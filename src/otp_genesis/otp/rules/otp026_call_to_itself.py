"""OTP026: a server that calls itself."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule
from otp_genesis.otp.running import runs_here
from otp_genesis.otp.served import calls_in_callbacks, reached_from
from otp_genesis.otp.syntax import at, call_at, code, keyword, walk

TARGETS = ("GenServer.call/2", "GenServer.call/3", ":gen_server.call/2", ":gen_server.call/3")
STARTS = re.compile(rb"\b\w*start(?:_link)?(?![\w?!])")
"""Modules whose functions run the function that they are given at once, in their caller."""


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Server do\n{head}\n{body}end\n"


START = "  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: __MODULE__)\n"
GET = "  def get, do: GenServer.call(__MODULE__, :get)\n"
CAST = "  def handle_cast(:go, state) do\n    {}\n    {{:noreply, state}}\n  end\n"


class CallToItself(Rule):
    """A server's callback calls the server that it runs in.

    ## Why is this bad?
    The call would wait for the callback that makes it. `GenServer.call/3` sees that and exits with
    `:calling_self`: the server crashes whenever this line is reached, and its state is lost
    (https://hexdocs.pm/elixir/GenServer.html#call/3).

    ## Use instead
    A private function that works on the state, used by the callback and by the `handle_call/3`
    clause.

    ## Fix safety
    None: the clause's code has to be moved and the state passed on.
    """

    code = "OTP026"
    name = "call-to-itself"
    stage = 1
    severity = "high"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    effort = "minutes"
    risk = "The callback goes on where it used to exit."
    examples = (
        Bad(_server(CAST.format("GenServer.call(self(), :get)"))),
        Bad(_server(START + CAST.format("GenServer.call(__MODULE__, :get)"))),
        Bad(_server(START + GET + CAST.format("save(get())"))),
        Bad(
            _server(
                START + CAST.format("__MODULE__ |> G.call(:get, 10)"),
                "  use GenServer\n  alias GenServer, as: G\n",
            )
        ),
        Bad(
            _server(
                START + CAST.format("Enum.each([1], fn _ -> GenServer.call(MyApp.Server, 1) end)")
            )
        ),
        Bad(_server(START + GET + CAST.format("Enum.each([1], fn _ -> get() end)"))),
        Bad(_server(CAST.format("call(self(), :get)"), "  use GenServer\n  import GenServer\n")),
        Good(_server(START + GET + CAST.format("save(state)"))),
        Good(
            _server(START + CAST.format("Task.start(fn -> GenServer.call(__MODULE__, :get) end)"))
        ),
        Good(_server(START + GET + CAST.format("Task.start(&get/0)"))),
        Good(_server(START + CAST.format("GenServer.call(MyApp.Other, :get)"))),
        Good(_server(START + CAST.format("GenServer.cast(__MODULE__, :get)"))),
        Good(_server(START + CAST.format("keep(fn -> GenServer.call(__MODULE__, :get) end)"))),
        Good(_server(CAST.format("GenServer.call(__MODULE__, :get)"))),
        Good(_server(START + CAST.format("# GenServer.call(self(), :get)"))),
        Good(_server(START + GET)),
        Good(_server(START + "  def terminate(_, _), do: :ok\n" + GET)),
        Good(_server(CAST.format("GenServer.call(self(), :get)")), path="test/support/server.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each call of the server itself that a callback reaches."""
        calls = [call for call in file.production_calls(*TARGETS) if _to_itself(file, call)]
        for call, callback in calls_in_callbacks(project, file, calls):
            if not runs_here(file, at(file.root(), (call.start, call.end))):
                continue
            yield self.at(
                file,
                (call.start, call.end),
                f"{callback} of {call.module} calls itself here and exits with :calling_self",
                module=call.module,
                function=call.function,
                evidence=reached_from(file, call, callback),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the code of the clause that answers has to be moved."""
        return Declined(
            "move what the handle_call clause does into a private function that takes the state,"
            " and call that from both"
        )


def _to_itself(file: SourceFile, call: Call) -> bool:
    """Whether the one called is `self()`, or the module where it registers by its own name."""
    server = file.slice(call.arguments[0]) if call.arguments else ""
    if server == "self()":
        return True
    if not server[:1].isupper() and server != "__MODULE__":
        return False
    module = file.module(call.module)
    if module is None or file.expand(server, call.start) != module.name:
        return False
    return file.once(("registers itself", module.name), lambda: _registers_itself(file, module))


def _registers_itself(file: SourceFile, module: Module) -> bool:
    if b"name:" not in file.text[module.start : module.end]:
        return False
    root = file.root()
    starts = STARTS.finditer(file.text, module.start, module.end)
    calls = (call_at(root, match.span()) for match in starts)
    return any(call is not None and _registers(file, call, module.name) for call in calls)


def _registers(file: SourceFile, node: Node, module: str) -> bool:
    """Whether `name: __MODULE__` is an option of `start_link`."""
    for options in walk(node):
        name = keyword(options, "name") if options.type == "keywords" else None
        if name is not None and file.expand(code(name), name.start_byte) == module:
            return True
    return False
