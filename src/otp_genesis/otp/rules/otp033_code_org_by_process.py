"""OTP033: a server that a plain module could be."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import CALLBACKS, clause_node, local_calls
from otp_genesis.otp.facts import Call, Clause, Function, Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.returns import returned
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import below, server_modules
from otp_genesis.otp.syntax import arguments, at, code, parts, target, walk

OTHERS = CALLBACKS - {"init/1", "handle_call/3"} | {"terminate/2", "handle_info/3"}
PURE = re.compile(
    r"(Enum|Map|MapSet|Keyword|List|String|Integer|Float|Tuple|Range|Stream|Regex|Date|Time"
    r"|DateTime|NaiveDateTime|Decimal|Access|Bitwise|Kernel|:math|:lists|:maps)\.\w+[?!]?"
    r"|(Process|:timer)\.sleep|Task\.(async|await|yield|async_stream|await_many)"
)
"""What computes, and what only waits: other rules report that, and it is no reason for a server."""
KERNEL = re.compile(
    r"if|unless|case|cond|with|for|fn|abs|div|rem|max|min|round|trunc|floor|ceil|length|hd|tl|elem"
    r"|put_elem|tuple_size|map_size|byte_size|bit_size|to_string|to_charlist|inspect|not|in|match\?"
    r"|is_(nil|list|map|binary|integer|float|number|atom|tuple|boolean|struct|map_key)|get_in"
    r"|put_in|update_in|pop_in|then|tap|struct"
)
"""Functions and macros that every module has, and that only compute."""
STATEFUL = re.compile(
    r"Process\.(?!sleep)|:ets|Registry|Port\.|File\.|System\.|Application\.|Agent\."
)

NAMED = re.compile(r"\bname: (__MODULE__|[A-Z])")
STARTS = ("Agent.start_link/1", "Agent.start_link/2")
UPDATES = tuple(
    f"Agent.{name}/{arity}"
    for name in ("update", "get_and_update", "cast")
    for arity in (2, 3, 4, 5)
)


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Calculator do\n{head}{body}end\n"


INIT = "  def init(state), do: {:ok, state}\n"
ADD = "  def handle_call({:add, a, b}, _from, state), do: {:reply, a + b, state}\n"
SUM = """\
  def handle_call({:sum, list}, _from, state) do
    if list == [] do
      {:reply, 0, state}
    else
      {:reply, total(list), state}
    end
  end

  defp total(list), do: Enum.sum(list)
"""

AGENT = """\
defmodule MyApp.Rates do
  use Agent
  def start_link(rates), do: Agent.start_link(fn -> rates end, name: __MODULE__)
  def rate(name), do: Agent.get(__MODULE__, & &1[name])
end
"""


class CodeOrgByProcess(Rule):
    """A server or an agent keeps a state that nothing changes, and only computes for its callers.

    ## Why is this bad?
    All callers wait in one line for what each could compute by itself, their data is copied there
    and back, and the process may be down. The Elixir guide lists it under process anti-patterns as
    "Code organization by process"
    (https://hexdocs.pm/elixir/process-anti-patterns.html#code-organization-by-process).

    ## Use instead
    Functions of a plain module. What the server was started with comes from an argument or from
    the configuration.

    ## Fix safety
    None: callers and the supervisor that starts it change too. A server that takes other messages
    than calls, that does more than compute, or that might keep others in line, is not reported.
    """

    code = "OTP033"
    name = "code-org-by-process"
    stage = 3
    severity = "info"
    safety = "model"
    effort = "hours"
    risk = "Callers compute at the same time where they waited in line."
    reach = "file"
    kinds = PRODUCTION
    examples = (
        Bad(_server(INIT + ADD)),
        Bad(_server(INIT + SUM)),
        Bad(_server(INIT + ADD, "  @behaviour GenServer\n")),
        Bad(_server(INIT + SUM.replace("Enum.sum(list)", "Process.sleep(10)"))),
        Bad(_server(INIT + SUM.replace("Enum.sum(list)", "Task.await(Task.async(fn -> 1 end))"))),
        Bad(
            _server(
                "  def add(pid, a), do: GenServer.call(pid, {:add, a, 1})\n"
                "  def init(_), do: {:ok, %{rate: 2}}\n"
                "  def handle_call({:add, a, b}, _, %{rate: r} = s), do: {:reply, a + b * r, s}\n"
            )
        ),
        Bad(AGENT),
        Bad(AGENT.replace("Agent.", "A.").replace("use Agent", "use Agent\n  alias Agent, as: A")),
        Good(AGENT + "Agent.update(MyApp.Rates, & &1)\n"),
        Good(AGENT.replace("& &1[name])", "& &1[name])\n  def put(x), do: Agent.update(x, x)")),
        Good(AGENT.replace("name: __MODULE__", "[]")),
        Good(AGENT.replace("fn -> rates end", "&MyApp.Repo.rates/0")),
        Good(AGENT.replace("fn -> rates end", "fn -> :ets.new(rates, []) end")),
        Good(_server(INIT + ADD.replace("a + b, state", "a + b, state + 1"))),
        Good(_server(INIT + ADD + "  def handle_cast(x, _), do: {:noreply, x}\n")),
        Good(_server(INIT + ADD + "  def handle_info(_, s), do: {:noreply, s}\n")),
        Good(_server("  def init(x), do: {:ok, :ets.new(x, [])}\n" + ADD)),
        Good(_server(INIT + ADD.replace("a + b", "File.write(a, b)"))),
        Good(_server(INIT + ADD.replace("a + b", "MyApp.Repo.insert(a)"))),
        Good(_server(INIT + ADD.replace("a + b", "state.fun.(a, b)"))),
        Good(_server(INIT + ADD.replace("{:reply, a + b, state}", "added(a, b, state)"))),
        Good(_server(INIT + SUM.replace("Enum.sum(list)", "send(self(), list)"))),
        Good(_server(INIT + ADD, "  # use GenServer\n")),
        Good(_server(INIT + ADD, "  use MyApp.Unknown\n")),
        Good(_server(INIT + ADD, "  use GenServer\n  use MyApp.Unknown\n")),
        Good(_server(INIT + ADD), path="test/support/calculator.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the module; its callbacks are evidence, or the start of the agent."""
        for start in file.production_calls(*STARTS):
            found = file.module(start.module)
            if found is not None and _is_constant(file, start):
                yield self.at(
                    file,
                    (start.start, start.end),
                    f"nothing here changes the state of the agent {found.name}: look whether others"
                    " do, and whether functions of a module could answer",
                    module=start.module,
                    function=start.function,
                )
        for module in server_modules(project, file, "handle_call/3"):
            function = file.function(module.name, "handle_call/3")
            if function is None or not _only_computes(file, module, function):
                continue
            yield self.at(
                file,
                module.header,
                f"no callback of {module.name} changes its state or does more than compute: callers"
                " wait in line for what functions of a module do",
                module=module.name,
                evidence=[
                    Evidence.at(
                        file,
                        clause.start,
                        "this returns the state as it was",
                    )
                    for clause in function.clauses
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: callers and the supervisor have to change with it."""
        return Declined("make its callbacks functions of a plain module, and call those")


def _is_constant(file: SourceFile, start: Call) -> bool:
    """Whether an agent holds what it was started with, and its own file never updates it."""
    if len(start.arguments) != 2 or not file.slice(start.arguments[0]).startswith("fn ->"):
        return False
    options = NAMED.search(file.slice(start.arguments[1]))
    state = at(file.root(), start.arguments[0])
    if options is None or not _is_pure(file, state, set()):
        return False
    return not file.production_calls(*UPDATES)


def _only_computes(file: SourceFile, module: Module, answer: Function) -> bool:
    if len(set(module.uses) | set(module.behaviours)) > 1:
        return False
    functions = {function.label: function for function in file.functions_of(module.name)}
    if OTHERS & set(functions) or "init/1" not in functions:
        return False
    if STATEFUL.search(file.slice((module.start, module.end))):
        return False
    if not all(_keeps_state(file, clause) for clause in answer.clauses):
        return False
    run = {"init/1", "handle_call/3"}
    local = local_calls(file, module)
    run |= {label for root in tuple(run) for label in below(local, root)}
    names = {function.name for function in functions.values()}
    nodes = (clause_node(file.root(), c) for label in run for c in functions[label].clauses)
    return all(_is_pure(file, node, names) for node in nodes)


def _keeps_state(file: SourceFile, clause: Clause) -> bool:
    """Whether each way through a clause returns the variable that it was given as the state."""
    if len(clause.parameters) != 3:
        return False
    given = at(file.root(), clause.parameters[2])
    names = {code(given)} if given.type == "identifier" else set()
    if code(given.child_by_field_name("operator")) == "=":
        names = {code(side) for side in given.named_children if side.type == "identifier"}
    node = clause_node(file.root(), clause)
    found = list(returned(node))
    if any(code(bound.child_by_field_name("left")) in names for bound in _bindings(node)):
        return False
    return bool(found) and all(_returns(one, names) for one in found)


def _bindings(clause: Node) -> Iterator[Node]:
    body = arguments(clause)[1:] + [n for n in clause.children if n.type == "do_block"]
    for part in body:
        for node in walk(part):
            if code(node.child_by_field_name("operator")) == "=":
                yield node


def _returns(value: Node, names: set[str]) -> bool:
    given = parts(value) if value.type == "tuple" else []
    return len(given) == 3 and code(given[0]) == ":reply" and code(given[2]) in names


def _is_pure(file: SourceFile, clause: Node, names: set[str]) -> bool:
    """Whether a clause calls nothing but its module's own functions and those that compute."""
    for node in walk(clause):
        if node.type == "dot" and node.child_by_field_name("right") is None:
            return False
        called = target(node)
        if not called or called in ("def", "defp"):
            continue
        if "." not in called:
            if called not in names and not KERNEL.fullmatch(called):
                return False
        elif not PURE.fullmatch(called) and any(c.type == "arguments" for c in node.children):
            return False
    return True
