"""OTP050: a collection in a server's state that only grows."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node
from otp_genesis.otp.conversations import Server, spoken
from otp_genesis.otp.facts import Clause, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.syntax import Span, code, walk

EMPTY = re.compile(
    r"\b(\w+):\s*(?:\[\]|%\{\}|MapSet\.new\(\)|Map\.new\(\)|:queue\.new\(\))(?=\s*[,}\n\])])"
)
GROWS = (
    r"\[[^\[\]]*\|\s*{0}\]|{0}\s*\+\+.*|\[[^\[\]]*\]\s*\+\+\s*{0}"
    r"|MapSet\.put\(\s*{0}\s*,.*|{0}\s*\|>\s*MapSet\.put\(.*|:queue\.in\(.*,\s*{0}\s*\)"
    r"|Map\.put\(\s*{0}\s*,(?!\s*[:\"]).*|{0}\s*\|>\s*Map\.put\((?!\s*[:\"]).*"
)
"""What makes a collection longer; a key that is written out fills one place of a map only."""
HOLDER = r"\w+\.{0}"
WHOLE = ("Map.merge(", "struct(", "struct!(")
"""What may give any key of a state a new value."""
PATHS = re.compile(
    r"(?:put_in|update_in|pop_in|Map\.(?!get|has_key|keys|values|put\(\s*\w+\.|fetch)\w+)[!?]?\([^)\n]*"
)
"""What gives one key of a state a new value."""


def _server(push: str, more: str = "", init: str = "%{log: []}") -> str:
    return (
        "defmodule MyApp.Audit do\n  use GenServer\n"
        f"  def init(_), do: {{:ok, {init}}}\n"
        f"  def handle_cast({{:add, x}}, s) do\n    {push}\n  end\n{more}end\n"
    )


PUSH = "{:noreply, %{s | log: [x | s.log]}}"


class UnboundedState(Rule):
    """A list, queue, set or map in a server's state is added to, and nothing is ever taken out.

    ## Why is this bad?
    The server's memory grows with each message for as long as it lives, and so does the time of
    everything that goes through the collection; in the end the node runs out of memory
    (https://www.erlang.org/doc/system/memory.html).

    ## Use instead
    A limit, such as `Enum.take/2` when adding; removal when the owner of an entry ends; or storage
    that is made for many entries.

    All changes of the key have to be written as additions in the module for it to be reported. It
    is a hint where the number of different entries is limited by something outside.

    ## Fix safety
    None: what may be forgotten is a decision.
    """

    code = "OTP050"
    name = "unbounded-state"
    stage = 2
    severity = "info"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs_server = True
    effort = "hours"
    risk = "Old entries are gone where they used to be kept."
    examples = (
        Bad(_server(PUSH)),
        Bad(_server("{:noreply, %{s | log: s.log ++ [x]}}")),
        Bad(_server("{:noreply, %{s | log: MapSet.put(s.log, x)}}", init="%{log: MapSet.new()}")),
        Bad(_server("{:noreply, %{s | log: Map.put(s.log, x.id, x)}}", init="%{log: %{}}")),
        Bad(
            _server(
                "log = :queue.in(x, s.log)\n    {:noreply, %{s | log: log}}",
                init="%{log: :queue.new()}",
            )
        ),
        Bad(
            _server(
                "{:noreply, %__MODULE__{s | log: [x | s.log]}}",
                "  defstruct log: [], n: 0\n",
                "%__MODULE__{}",
            )
        ),
        Good(_server("{:noreply, %{s | log: Enum.take([x | s.log], 10)}}")),
        Good(_server(PUSH, "  def handle_info(:flush, s), do: {:noreply, %{s | log: []}}\n")),
        Good(
            _server(
                PUSH,
                "  def handle_info(:flush, s), do: {:noreply, reset(s, log: [])}\n"
                "  defp reset(s, new), do: Map.merge(s, Map.new(new))\n",
            )
        ),
        Good(_server("{:noreply, %{s | log: prune([x | s.log])}}")),
        Good(_server("{:noreply, %{s | log: Map.put(s.log, :last, x)}}", init="%{log: %{}}")),
        Good(_server(PUSH, "  def handle_call(:get, _, s), do: {:reply, s, pop_in(s.log)}\n")),
        Good(_server("# {:noreply, %{s | log: [x | s.log]}}\n    {:noreply, s}")),
        Good(
            _server(
                PUSH,
                "  def handle_info(:reset, _), do: {:noreply, new()}\n  defp new, do: %{log: []}\n",
            )
        ),
        Good(_server("{:noreply, %{s | log: if(x, do: [x | s.log], else: [])}}")),
        Good(_server(PUSH).replace("use GenServer", "use Agent")),
        Good(
            _server(
                "v = %{log: []}\n    v = %{v | log: [x | v.log]}\n    {:noreply, v.id}",
                init="%{}",
            )
        ),
        Good(_server(PUSH), path="test/support/audit.ex"),
        Good(_server(PUSH, "  def handle_call(:stop, _, s), do: {:stop, :normal, :ok, s}\n")),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the first addition to each key."""
        if file.kind != "lib":
            return
        for module in file.modules:
            server = spoken(project, file).servers.get(module.name)
            for key, empty in _keys(server).items() if server is not None else ():
                added = _additions(file, server, key) if server is not None else []
                if not added:
                    continue
                clause, node = added[0]
                yield self.at(
                    file,
                    (node.start_byte, node.end_byte),
                    f"{key} of {module.name}'s state is only ever added to; see what limits it,"
                    " or the server's memory grows for as long as it lives",
                    module=module.name,
                    function=_label(file, module.name, clause),
                    evidence=[
                        Evidence.at(
                            file,
                            empty,
                            "it begins empty here",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what may be forgotten is a decision."""
        return Declined("decide how many entries are kept, or when one is no longer needed")


def _label(file: SourceFile, module: str, clause: Clause) -> str | None:
    found = (f.label for f in file.functions_of(module) if clause in f.clauses)
    return next(found, None)


def _keys(server: Server) -> dict[str, int]:
    """Return the keys that begin as an empty collection and that an addition may be seen of."""
    file, module = server.file, server.module
    text = file.text[module.start : module.end].decode(errors="replace")
    if ":stop" in text or len(text) != module.end - module.start:
        # A server that ends gives its memory back; offsets need one byte for each character.
        return {}
    found: dict[str, int] = {}
    for start, part in _beginnings(server):
        for match in EMPTY.finditer(part):
            found.setdefault(match[1], start + match.start())
    return {
        key: start
        for key, start in found.items()
        if f".{key}" in text and text.count(f"{key}:") > 1 and not _emptied(text, key)
    }


def _emptied(text: str, key: str) -> bool:
    """Whether a key may be given a new value in another way than `%{state | key: value}`."""
    begun = rf"\b{key}:\s*(?:\[\]|%\{{\}}|MapSet\.new|Map\.new|:queue\.new)"
    if any(word in text for word in WHOLE) or len(re.findall(begun, text)) > 1:
        return True
    return any(key in match[0] for match in PATHS.finditer(text))


def _beginnings(server: Server) -> Iterator[tuple[int, str]]:
    """Yield the texts that say what the state begins as: of `init/1` and of `defstruct`."""
    file, module = server.file, server.module
    function = file.function(module.name, "init/1")
    for clause in function.clauses if function is not None else ():
        yield clause.start, file.slice((clause.start, clause.end))
    struct = file.text.find(b"defstruct", module.start, module.end)
    if struct >= 0:
        end = file.text.find(b"\n\n", struct, module.end)
        yield struct, file.slice((struct, end if end > 0 else module.end))


def _additions(file: SourceFile, server: Server, key: str) -> list[tuple[Clause, Node]]:
    """Return the places that add to a key, none where one gives it another value."""
    grows = re.compile(GROWS.replace("{0}", HOLDER.replace("{0}", key)), re.DOTALL)
    named = re.compile(rb"\b" + key.encode() + rb":")
    found: list[tuple[Clause, Node]] = []
    for function in file.functions_of(server.module.name):
        for clause in function.clauses if function.label != "init/1" else ():
            for match in named.finditer(file.text, clause.start, clause.end):
                value = _updated(file.root(), match.span())
                if value is None:
                    continue
                if not grows.fullmatch(_meant(clause_node(file.root(), clause), value)):
                    return []
                found.append((clause, value))
    return found


def _updated(root: Node, where: Span) -> Node | None:
    """Return the new value of the key that stands at `where` in `%{state | key: value}`."""
    name = root.descendant_for_byte_range(*where)
    pair = name.parent if name is not None and name.type == "keyword" else None
    keys = pair.parent if pair is not None and pair.type == "pair" else None
    update = keys.parent if keys is not None else None
    if pair is None or update is None or update.type != "binary_operator":
        return None
    if code(update.child_by_field_name("operator")) != "|":
        return None
    return pair.child_by_field_name("value")


def _meant(clause: Node, value: Node) -> str:
    """Return an expression, or what the variable was matched with that stands for it."""
    if value.type != "identifier":
        return code(value)
    for node in walk(clause):
        left, right = (node.child_by_field_name(side) for side in ("left", "right"))
        if code(node.child_by_field_name("operator")) == "=" and code(left) == code(value):
            return code(right)
    return ""
