"""OTP039: a public table that is read, changed and written back."""

from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.callbacks import clause_node, identifiers
from otp_genesis.otp.derived import derived
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.once import once
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.served import served_functions
from otp_genesis.otp.syntax import at, code, inside, walk

READS = (":ets.lookup/2", ":ets.lookup_element/3", ":ets.lookup_element/4")
WRITES = (":ets.insert/2",)


def _module(body: str, table: str = ":hits, [:named_table, :public]", head: str = "") -> str:
    return (
        f"defmodule MyApp.Hits do\n{head}  def new, do: :ets.new({table})\n\n"
        f"  def hit(key) do\n{body}  end\nend\n"
    )


MATCH = "    [{_, n}] = :ets.lookup(:hits, key)\n    :ets.insert(:hits, {key, n + 1})\n"
CASE = (
    "    case :ets.lookup(:hits, key) do\n"
    "      [{^key, n}] -> :ets.insert(:hits, {key, n + 1})\n"
    "      [] -> :ets.insert(:hits, {key, 1})\n"
    "    end\n"
)


class PublicEtsReadModifyWrite(Rule):
    """A value of a public ETS table is read, changed and written back.

    ## Why is this bad?
    Any process may write to the table between the two, and that write is lost. Each ETS function
    is atomic by itself; two of them are not
    (https://www.erlang.org/doc/man/ets.html#concurrency).

    ## Use instead
    `:ets.update_counter/4`, `:ets.update_element/3` or `:ets.insert_new/2`, or a server that owns
    the table and does all of its writing.

    ## Fix safety
    None: which atomic operation has the same meaning depends on what is stored. A function that
    makes the table itself fills it before others know of it, and is not reported.
    """

    code = "OTP039"
    name = "public-ets-read-modify-write"
    stage = 2
    severity = "high"
    safety = "model"
    kinds = PRODUCTION
    needs = READS
    effort = "hours"
    risk = "Writers no longer overwrite each other, so counts come out higher than before."
    examples = (
        Bad(_module(MATCH)),
        Bad(_module(CASE)),
        Bad(
            _module(
                "    n = :ets.lookup_element(@table, key, 2)\n    next = n + 1\n"
                "    :ets.insert(@table, {key, next})\n",
                "@table, [:public, :named_table]",
                "  @table :hits\n",
            )
        ),
        Bad(
            _module(
                "    [{_, n}] = __MODULE__ |> :ets.lookup(key)\n"
                "    __MODULE__ |> :ets.insert({key, n + 1})\n",
                "MyApp.Hits, [:named_table, :public]",
            )
        ),
        Good(_module("    :ets.update_counter(:hits, key, 1, {key, 0})\n")),
        Good(_module("    :ets.lookup(:hits, key)\n    :ets.insert_new(:hits, {key, 1})\n")),
        Good(
            _module(
                "    old = :ets.lookup(:hits, key)\n    :ets.insert(:hits, {key, 1})\n    old\n"
            )
        ),
        Good(_module(MATCH, ":hits, [:named_table]")),
        Good(_module(MATCH.replace("insert(:hits", "insert(:others"))),
        Good(
            _module(
                "    case :ets.lookup(:hits, key) do\n      [{^key, page}] ->\n        page\n\n"
                "      [] ->\n        page = render(key)\n"
                "        :ets.insert(:hits, {key, page})\n        page\n    end\n"
            )
        ),
        Good(_module(MATCH), path="test/support/hits.ex"),
        Good(
            "defmodule MyApp.Hits do\n  def new(key) do\n"
            "    :ets.new(:hits, [:named_table, :public])\n    :ets.insert(:hits, {key, 1})\n"
            + MATCH
            + "  end\nend\n"
        ),
        Good(
            "defmodule MyApp.Hits do\n  use GenServer\n"
            "  def init(_), do: {:ok, :ets.new(:hits, [:named_table, :public])}\n"
            "  def handle_cast(key, s) do\n" + MATCH + "    {:noreply, s}\n  end\nend\n"
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag the write; the read is evidence."""
        reads, writes = file.production_calls(*READS), file.production_calls(*WRITES)
        if not reads or not writes:
            return
        public = _public_tables(project)
        written = [write for write in writes if _table(file, write) in public]
        served = served_functions(project, file) if written else set()
        for write in written:
            table = _table(file, write)
            if (write.module, write.function) in served:
                continue
            read = _read_for(file, write, [r for r in reads if _table(file, r) == table])
            if read is not None and not _makes_table(file, write, table):
                yield self.at(
                    file,
                    (write.start, write.end),
                    f"a write to the public table {table} since the lookup is lost",
                    module=write.module,
                    function=write.function,
                    evidence=[
                        Evidence.at(
                            file,
                            read.start,
                            "the value that is written back is read here",
                        )
                    ],
                )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: the operation's meaning has to be known."""
        return Declined(
            "decide which atomic operation means the same: :ets.update_counter/4,"
            " :ets.update_element/3 or :ets.insert_new/2, or let one server do all writing"
        )


def _makes_table(file: SourceFile, write: Call, table: str) -> bool:
    """Whether the function that writes made the table: nobody else has it yet."""
    return any(
        (new.module, new.function) == (write.module, write.function)
        and new.start < write.start
        and _table(file, new) == table
        for new in file.production_calls(":ets.new/2")
    )


def _table(file: SourceFile, call: Call) -> str:
    """Return the name of the table, or nothing where it is a variable."""
    name = file.slice(call.arguments[0]) if call.arguments else ""
    module = file.module(call.module)
    if name.startswith("@") and module is not None:
        values = [a.value for a in module.attributes if a.name == name[1:]]
        name = values[-1] if values else ""
    if name == "__MODULE__" or name[:1].isupper():
        return file.expand(name, call.start)
    return name if name.startswith(":") else ""


@once
def _public_tables(project: Project) -> set[str]:
    return {
        _table(file, call)
        for file in project.files.values()
        for call in file.production_calls(":ets.new/2")
        if len(call.arguments) == 2 and ":public" in file.slice(call.arguments[1])
    } - {""}


def _read_for(file: SourceFile, write: Call, reads: list[Call]) -> Call | None:
    """Return the read whose value goes into `write`."""
    function = file.function(write.module, write.function)
    root = file.root()
    for clause in function.clauses if function is not None else ():
        if not clause.start <= write.start < clause.end:
            continue
        node = clause_node(root, clause)
        value = at(root, write.arguments[1])
        written = identifiers([value]) - _made_anew(value)
        for read in reads:
            if clause.start <= read.start < write.start and written & derived(node, read):
                return read
    return None


def _made_anew(value: Node) -> set[str]:
    """Return the variables that are bound where nothing was found: they hold nothing of it."""
    clause = inside(value, "stab_clause")
    if clause is None or code(clause.child_by_field_name("left")) != "[]":
        return set()
    return {
        code(node.child_by_field_name("left"))
        for node in walk(clause)
        if code(node.child_by_field_name("operator")) == "="
    }
