"""OTP038: a server's state that a crash loses."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import AGENTS, SERVERS, module_node, servers
from otp_genesis.otp.facts import Module, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule, Severity
from otp_genesis.otp.server_state import (
    NUMBER,
    changes,
    initial_collection,
    schema_keys,
    state_keys,
)
from otp_genesis.otp.syntax import arguments, code, target, walk

STORES = re.compile(
    r"^(:ets|:dets|:mnesia|:persistent_term|:disk_log|File|Redix|CubDB|Cachex)$"
    r"|(Repo|Store|Storage|Persistence|Database|Snapshot|Journal|EventStore|Redis)$"
)
MODULES = re.compile(rb"[A-Z]\w*(?:\.[A-Z]\w*)*|:[a-z_]\w*")
RESTORES = re.compile(r"(restore|recover|reload|persist|snapshot|hydrate|checkpoint|replay)")
FLEETING = re.compile(
    r"(timer|ref|pid|monitor|socket|port|conn|connection|subscriber|client|waiting|waiter|caller"
    r"|from|buffer|in_flight|acc|task|worker|cache|error|retry|retries|attempt|seq|counter|backoff"
    r"|process|processes|listener|window|batch|pending|queue_len|tick|running)s?$"
)
"""Keys that mean nothing after a restart, or that are made again by what comes next."""
WHOLE_CHANGES = {"Map.put", "Map.update", "Map.update!", "Map.delete", "MapSet.put", "Map.merge"}


def _server(body: str, head: str = "  use GenServer\n") -> str:
    return f"defmodule MyApp.Orders do\n{head}\n{body}end\n"


INIT = "  def init(_), do: {:ok, %{orders: %{}, name: nil}}\n"
ADD = "  def handle_cast({:add, o}, s), do: {:noreply, %{s | orders: Map.put(s.orders, o, 1)}}\n"
AGENT = (
    "  def start_link(_), do: Agent.start_link(fn -> %{} end)\n"
    "  def put(a, k), do: Agent.update(a, &Map.put(&1, k, 1))\n"
)


class VolatileState(Rule):
    """A server gathers state in memory only, so that a crash loses it.

    ## Why is this bad?
    A supervisor restarts the server with the state that `init/1` makes; whatever callbacks had
    gathered is gone, and its callers are not told. "Restarting" is a cure only where the state
    can be made again (https://www.erlang.org/doc/design_principles/sup_princ.html).

    ## Use instead
    State that can be made again in `handle_continue/2`, an ETS table owned by a process that does
    not crash with the server, or a database.

    ## Fix safety
    None: what may be lost, and where the rest is to live, has to be decided. Collections that
    callbacks change are of medium severity, numbers of low; keys that die with the process
    (timers, monitors, pids, buffers, caches) are not reported.
    """

    code = "OTP038"
    name = "volatile-state"
    stage = 2
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    effort = "days"
    risk = "Starting takes as long as the state takes to be read back."
    examples = (
        Bad(_server(INIT + ADD)),
        Bad(
            _server(
                "  defstruct orders: []\n  def init(_), do: {:ok, %__MODULE__{}}\n"
                "  def handle_cast(o, s), do: {:noreply, update_in(s.orders, &[o | &1])}\n"
            )
        ),
        Bad(
            _server(
                "  def init(_), do: {:ok, %{}}\n"
                "  def handle_cast({k, v}, s), do: {:noreply, Map.put(s, k, v)}\n"
            )
        ),
        Bad(
            _server(
                "  def init(_), do: {:ok, %{total: 0}}\n"
                "  def handle_cast(n, s), do: {:noreply, %{s | total: s.total + n}}\n"
            )
        ),
        Bad(_server(AGENT, "  use Agent\n")),
        Bad(
            _server(
                "  def run(agent), do: agent\n",
                "  use Jido.Agent, schema: [queue: [default: :queue.new()], size: [default: 1]]\n",
            )
        ),
        Good(_server(INIT)),
        Good(_server(INIT + ADD + "  def terminate(_, s), do: :ets.insert(:orders, s.orders)\n")),
        Good(_server(INIT + ADD + "  defp keep(s), do: MyApp.Repo.insert(s)\n")),
        Good(_server(INIT + ADD, "  use GenServer, restart: :temporary\n")),
        Good(_server((INIT + ADD).replace("orders", "timers"))),
        Good(_server(INIT + ADD, "  # use GenServer\n")),
        Good(_server(INIT + ADD), path="test/support/orders.ex"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the module's name and tell the keys that a crash loses."""
        for module in servers(project, file, SERVERS | AGENTS):
            lost = _lost(file, module)
            if lost:
                yield self._told(file, module, lost, _severity(file, module, lost))
        for module in file.modules if file.kind == "lib" else ():
            if not module.quoted and "Agent" in module.uses and (change := _agent(file, module)):
                yield self._told(file, module, {"the whole state": change}, "medium")

    def _told(
        self, file: SourceFile, module: Module, lost: dict[str, int], severity: Severity
    ) -> Finding:
        return self.at(
            file,
            module.header,
            f"a crash of {module.name} loses {', '.join(lost)}, kept in memory only:"
            " decide whether that may be lost",
            module=module.name,
            severity=severity,
            evidence=[Evidence.at(file, start, f"changes {name}") for name, start in lost.items()],
        )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: somebody has to say what may be lost."""
        return Declined(
            "decide what may be lost, and where the rest lives: a table that outlives the server,"
            " a database, or made again in handle_continue"
        )


def _lost(file: SourceFile, module: Module) -> dict[str, int]:
    """Return the keys that a crash loses, each with a place that changes it."""
    root = module_node(file, module)
    if _is_kept(file, module, root):
        return {}
    changed = {key.name: key.start for key in schema_keys(file, module).values() if key.holds_many}
    changed |= changes(file, module)
    keys = state_keys(file, module)
    lost = {
        key.name: changed[key.name]
        for key in keys.values()
        if key.name in changed
        and not FLEETING.search(key.name)
        and (key.holds_many or NUMBER.fullmatch(key.initial))
    }
    if not lost and initial_collection(file, module) is not None:
        for node in walk(root):
            if target(node) in WHOLE_CHANGES and code(arguments(node)[0])[:1] in ("s", "&"):
                return {"the whole state": node.start_byte}
    return lost


def _severity(file: SourceFile, module: Module, lost: dict[str, int]) -> Severity:
    """Rank by how much is kept: what follows living processes ends with them by nature."""
    if any(call.module == module.name for call in file.production_calls("Process.monitor/1")):
        return "info"
    keys = state_keys(file, module)
    many = [name for name in lost if name not in keys or keys[name].holds_many]
    return "medium" if many else "low"


def _is_kept(file: SourceFile, module: Module, root: Node) -> bool:
    """Whether the module keeps state elsewhere, makes it again, or is never restarted."""
    if any(RESTORES.search(function.name) for function in file.functions_of(module.name)):
        return True
    stores: dict[bytes, bool] = {}
    for match in MODULES.finditer(file.text, module.start, module.end):
        name = match[0]
        if name not in stores:
            full = file.expand(name.decode(), module.start)
            stores[name] = STORES.search(full) is not None
        if stores[name]:
            node = root.descendant_for_byte_range(*match.span())
            if node is not None and node.type in ("alias", "atom"):
                return True
    if b"restart: :temporary" not in file.text[module.start : module.end]:
        return False
    uses = (node for node in walk(root) if target(node) == "use")
    return any(re.search(r"restart: :temporary", code(use)) for use in uses)


def _agent(file: SourceFile, module: Module) -> int | None:
    """Return where an agent that begins as an empty collection is changed."""
    if _is_kept(file, module, module_node(file, module)):
        return None
    starts = file.production_calls("Agent.start_link/1", "Agent.start_link/2")
    updates = file.production_calls(
        *(f"Agent.{name}/{n}" for name in ("update", "get_and_update", "cast") for n in (2, 3))
    )
    empty = any(
        re.match(r"fn -> (%\{\}|\[\]|MapSet\.new\(\)) end", file.slice(call.arguments[0]))
        for call in starts
        if call.module == module.name and call.arguments
    )
    mine = [call for call in updates if call.module == module.name]
    return mine[0].start if empty and mine else None
