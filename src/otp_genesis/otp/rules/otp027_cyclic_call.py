"""OTP027: servers that wait for each other."""

from collections.abc import Iterator, Mapping

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.conversations import WATCHED
from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.sync_calls import Asked, asked, mentioned

LONGEST = 6
"""How many servers a circle may have."""


def _server(name: str, work: str, head: str = "") -> str:
    return (
        f"defmodule MyApp.{name} do\n  use GenServer\n{head}\n"
        "  def get(x \\\\ 1), do: GenServer.call(__MODULE__, {:get, x})\n"
        "  def put(x), do: GenServer.call(__MODULE__, {:put, x})\n"
        f"  def handle_call({{:get, x}}, _from, s), do: {{:reply, x, s}}\n"
        f"  def handle_call({{:put, x}}, _from, s) do\n    {work}\n    {{:reply, x, s}}\n  end\n"
        "end\n"
    )


STOCK = (("lib/stock.ex", _server("Stock", "MyApp.Order.get(x)")),)


class CyclicCall(Rule):
    """A callback of one server calls another server, and a callback of that one calls the first.

    ## Why is this bad?
    A server that waits in a call takes no other message. When both are in such a call at once,
    neither answers, and both callers exit after their timeout, five seconds by default
    (https://hexdocs.pm/elixir/GenServer.html#call/3). Where the clause that answers the first call
    makes the second one, this happens each time.

    ## Use instead
    One direction of calls: give the second server what it needs with the message, let it answer
    with a message or a cast, or move the shared state into one of both.

    Only servers that are called by name are looked at; calls that a task makes are left alone.

    ## Fix safety
    None: which of the two has to stop waiting is a decision.
    """

    code = "OTP027"
    name = "cyclic-call"
    stage = 3
    severity = "medium"
    safety = "model"
    kinds = PRODUCTION
    needs_server = True
    effort = "hours"
    risk = "One of the servers goes on before the other one has answered."
    watches = WATCHED
    examples = (
        Bad(_server("Order", "MyApp.Stock.put(x)"), files=STOCK),
        Bad(_server("Order", "GenServer.call(MyApp.Stock, {:put, x})"), files=STOCK),
        Bad(_server("Order", "x |> Stock.get()", "  alias MyApp.Stock\n"), files=STOCK),
        Bad(_server("Order", "Enum.each([x], fn y -> MyApp.Stock.get(y) end)"), files=STOCK),
        Bad(
            _server(
                "Order", "save(x)", "  alias MyApp.Stock, as: S\n  defp save(x), do: S.put(x)\n"
            ),
            files=STOCK,
        ),
        Bad(
            _server("Order", "MyApp.Cart.get(x)"),
            files=(
                ("lib/cart.ex", _server("Cart", "MyApp.Stock.get(x)")),
                *STOCK,
            ),
        ),
        Good(_server("Order", "MyApp.Stock.put(x)"), files=(("lib/s.ex", _server("Stock", "x")),)),
        Good(_server("Order", "GenServer.cast(MyApp.Stock, {:put, x})"), files=STOCK),
        Good(_server("Order", "Task.start(fn -> MyApp.Stock.put(x) end)"), files=STOCK),
        Good(_server("Order", "keep(fn -> MyApp.Stock.put(x) end)"), files=STOCK),
        Good(_server("Order", "x", "  def go(x), do: MyApp.Stock.put(x)\n"), files=STOCK),
        Good(_server("Order", "MyApp.Stock.name(x)"), files=STOCK),
        Good(_server("Order", "MyApp.Stock.get(x, 1, 2)"), files=STOCK),
        Good(_server("Order", '"MyApp.Stock.get(x)" # MyApp.Stock.get(x)'), files=STOCK),
        Good(_server("Order", "quote(do: MyApp.Stock.get(x))"), files=STOCK),
        Good(_server("Order", "MyApp.Stock.put(x)"), files=STOCK, path="test/support/order.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag one call of each circle: that of the server whose name comes first."""
        for circle in _circles(project).get(file.path, ()):
            first, *others = circle
            names = [one.by.module.name for one in circle]
            always = len(circle) == 2 and _each_time(circle[0], circle[1])
            when = "each time" if always else "when they do so at once"
            yield self.at(
                file,
                first.where,
                f"{' and '.join(names)} call each other in callbacks; {when}, neither answers"
                " and the calls time out",
                module=names[0],
                function=first.function,
                severity="high" if always else None,
                evidence=[
                    Evidence.at(
                        one.by.file,
                        one.where[0],
                        f"{one.callback} of {one.by.module.name} waits for"
                        f" {one.to.module.name} here",
                    )
                    for one in (*others, first)
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: one of the servers has to stop waiting for the other."""
        return Declined(
            "decide which server need not wait: send it what it asks for with the first call, or"
            " answer with a cast"
        )


@once
def _circles(project: Project) -> Mapping[str, list[tuple[Asked, ...]]]:
    """Return the circles of calls by the file of their first one."""
    found: dict[str, list[tuple[Asked, ...]]] = {}
    graph = mentioned(project)
    inside = {name for name in graph if any(_leads(graph, other, name) for other in graph[name])}
    edges = {
        name: {one.to.module.name: one for one in reversed(asked(project, name))} for name in inside
    }
    for name in sorted(inside):
        for first in edges[name].values():
            circle = _back(edges, first, name)
            if circle and name == min(one.by.module.name for one in circle):
                found.setdefault(first.by.file.path, []).append(circle)
    return found


def _leads(graph: Mapping[str, frozenset[str]], start: str, end: str) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        name = waiting.pop()
        if name == end:
            return True
        new = graph.get(name, frozenset()) - seen
        seen |= new
        waiting += new
    return False


def _back(
    edges: Mapping[str, Mapping[str, Asked]], first: Asked, end: str
) -> tuple[Asked, ...] | None:
    """Return the shortest way from a call to the server that makes it."""
    ways: list[tuple[Asked, ...]] = [(first,)]
    for _ in range(LONGEST):
        longer: list[tuple[Asked, ...]] = []
        for way in ways:
            here = way[-1].to.module.name
            if here == end:
                return way
            passed = {one.by.module.name for one in way} - {end}
            new = edges.get(here, {}).values()
            longer += [(*way, one) for one in new if one.to.module.name not in passed]
        ways = longer[:1000]
    return None


def _each_time(one: Asked, other: Asked) -> bool:
    """Whether the clause that answers a call makes the other one, in either direction."""
    return _answers(one, other) or _answers(other, one)


def _answers(question: Asked, other: Asked) -> bool:
    if question.message.kind == "unknown":
        return False
    handler = other.by.handler("call", question.message)
    if handler is None or handler.guarded or handler.takes.kind in ("any", "unknown"):
        return False
    return handler.clause.start <= other.where[0] < handler.clause.end
