"""OTP053: atoms made at run time."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet, Edit
from otp_genesis.otp.facts import Call, DynamicAtom, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Finding, Good, Rule, Severity, span_of
from otp_genesis.otp.string_sources import (
    function_around,
    is_compiled_in,
    is_requested,
    is_settled,
    values_of,
)
from otp_genesis.otp.syntax import arguments, at, code, inside, target, walk

EXISTING = {
    "String.to_atom/1": "to_existing_atom",
    "List.to_atom/1": "to_existing_atom",
    ":erlang.binary_to_atom/1": "binary_to_existing_atom",
    ":erlang.binary_to_atom/2": "binary_to_existing_atom",
    ":erlang.list_to_atom/1": "list_to_existing_atom",
}
LITERALS = ("string", "charlist", "sigil", "list")
NAMING = re.compile(
    r"(Process\.register|:ets\.new|:dets\.open_file|Module\.concat|:global\.register_name"
    r"|\.start_link|:persistent_term\.put)$"
)
NAME = re.compile(r"(^|_)(names?|id|table|server|supervisor|registry|topic|node|cookie)$")
ALWAYS_NEW = re.compile(
    r"unique_integer|make_ref|random|:rand\.|system_time|monotonic_time|uuid", re.I
)
OF_MODULE_OR_NODE = re.compile(r'"Elixir\.|\}[A-Z]\w*"$|\w@#\{|\}@')


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Params do\n{head}  def read(key) do\n{body}  end\nend\n"


class DynamicAtomCreation(Rule):
    """An atom is made from data at run time.

    ## Why is this bad?
    Atoms are never collected and their number is limited (1,048,576 by default); who can choose
    the strings can bring the whole node down. The Elixir guide lists it under code anti-patterns
    as "Dynamic atom creation"
    (https://hexdocs.pm/elixir/code-anti-patterns.html#dynamic-atom-creation).

    ## Use instead
    `String.to_existing_atom/1`, a table from strings to atoms, or the string itself; a `Registry`
    with `{:via, …}` for names of processes.

    ## Fix safety
    Unsafe: `to_existing_atom` raises `ArgumentError` for an atom that is not there yet. It is not
    made where the atom is to be a new name.

    A string that a client sends with a request or an event is of high severity; where else the
    strings come from cannot be seen, and is for the reader to judge. Strings that the code limits
    are not reported: members of a list that are checked before, values of an attribute, names
    made of other atoms, the configuration, files of the node, what a macro makes.
    """

    code = "OTP053"
    name = "dynamic-atom"
    stage = 1
    severity = "medium"
    safety = "unsafe"
    reach = "file"
    kinds = PRODUCTION
    effort = "minutes"
    risk = "An unknown string raises ArgumentError where it made a new atom."
    examples = (
        Bad(
            _module("    String.to_atom(key)\n"),
            fixed=_module("    String.to_existing_atom(key)\n"),
        ),
        Bad(
            _module("    key |> S.to_atom()\n", "  alias String, as: S\n"),
            fixed=_module("    key |> S.to_existing_atom()\n", "  alias String, as: S\n"),
        ),
        Bad(
            _module("    Enum.map(key, &String.to_atom/1)\n"),
            fixed=_module("    Enum.map(key, &String.to_existing_atom/1)\n"),
        ),
        Bad(
            _module("    :erlang.binary_to_atom(key, :utf8)\n"),
            fixed=_module("    :erlang.binary_to_existing_atom(key, :utf8)\n"),
        ),
        Bad(
            _module('    :"user_#{key}"\n'),
            fixed=_module('    String.to_existing_atom("user_#{key}")\n'),
        ),
        Bad(
            _module("    :'user_#{key}'\n"),
            fixed=_module('    String.to_existing_atom("user_#{key}")\n'),
        ),
        Bad(
            _module("    to_atom(key)\n", "  import List, only: [to_atom: 1]\n"),
        ),
        Bad(_module('    ["user_#{key}": 1]\n')),
        Bad(_module("    ~w(user_#{key})a\n")),
        Bad(_module('    Agent.start_link(fn -> 0 end, name: :"user_#{key}")\n')),
        Bad(_module('    String.to_atom("t_#{System.unique_integer()}_#{key}")\n')),
        Bad(_module('    child <- :"main@#{key}"\n    child\n')),
        Bad(_module('    breaker_id = :"breaker_#{key}"\n    breaker_id\n')),
        Bad(_module('    :"#{key}View"\n')),
        Bad(
            _module("    if is_atom(key), do: key, else: String.to_atom(key)\n"),
            fixed=_module("    if is_atom(key), do: key, else: String.to_existing_atom(key)\n"),
        ),
        Bad(
            _module(
                '    if key in ["a", "b"] do\n      :x\n    else\n      :"x_#{key}"\n    end\n'
            ),
            fixed=_module(
                '    if key in ["a", "b"] do\n      :x\n    else\n'
                '      String.to_existing_atom("x_#{key}")\n    end\n'
            ),
        ),
        Bad(
            _module('    keep(:"#{System.get_env("HOME")}_#{key}")\n'),
            fixed=_module(
                '    keep(String.to_existing_atom("#{System.get_env("HOME")}_#{key}"))\n'
            ),
        ),
        Bad(_module("    :ets.new(String.to_atom(key), [:set])\n")),
        Bad(_module('    table = :"t_#{key}"\n    :ets.new(table, [])\n')),
        Bad(
            "defmodule M do\n  def a(x, k), do: flag(x, k)\n"
            '  defp flag(x, kind), do: {x, :"old_#{kind}"}\nend\n',
            fixed="defmodule M do\n  def a(x, k), do: flag(x, k)\n"
            '  defp flag(x, kind), do: {x, String.to_existing_atom("old_#{kind}")}\nend\n',
        ),
        Bad(
            'defmodule M do\n  def handle_event("sort", %{"by" => by}, socket) do\n'
            "    {:noreply, assign(socket, :by, String.to_atom(by))}\n  end\nend\n",
            fixed='defmodule M do\n  def handle_event("sort", %{"by" => by}, socket) do\n'
            "    {:noreply, assign(socket, :by, String.to_existing_atom(by))}\n  end\nend\n",
        ),
        Good(_module("    {key, String.to_existing_atom(key)}\n")),
        Good(_module('    {key, String.to_atom("fixed"), :"fixed atom", ~w(a b)a}\n')),
        Good(_module("    String.to_atom(key)\n", "  alias MyApp.String\n")),
        Good(_module('    if key in ["a", "b"], do: String.to_atom(key)\n')),
        Good(_module("    known = MyApp.known()\n    if key in known, do: String.to_atom(key)\n")),
        Good(
            _module('    if key not in names(), do: raise(key)\n    :"on_#{key}"\n'),
        ),
        Good(_module('    :"#{key}_count"\n').replace("read(key)", "read(key) when is_atom(key)")),
        Good(_module("    key |> Atom.to_string() |> String.upcase() |> String.to_atom()\n")),
        Good(_module('    Enum.map([:x, :y], fn axis -> {:"#{axis}_#{1}", key} end)\n')),
        Good(_module('    for n <- 1..4, do: {:"shard_#{n}", key}\n')),
        Good(
            _module(
                '    shade = Enum.at(@shades, key)\n    :"dark_#{shade}"\n',
                "  @shades [:red, :blue]\n",
            )
        ),
        Good(
            _module(
                "    case key do\n      {:own, shade} -> shade\n"
                '      n when n < 9 -> (shade = Enum.at(@shades, n)\n        :"dark_#{shade}")\n'
                "    end\n",
                "  @shades [:red, :blue]\n",
            )
        ),
        Good(_module('    if level = System.get_env("LEVEL"), do: {key, String.to_atom(level)}\n')),
        Good(
            _module(
                '    for one <- String.split(System.fetch_env!(key), ","),\n'
                "        trimmed = String.trim(one),\n        do: String.to_atom(trimmed)\n"
            )
        ),
        Good(_module('    keep(key, :"at_#{__MODULE__}")\n')),
        Good(_module('    shard = :erlang.phash2(key, 8)\n    :"shard_#{shard}"\n')),
        Good(
            _module(
                "    with {:ok, files} <- File.ls(key) do\n"
                '      for file <- files, do: String.to_atom(Path.rootname(file, ".beam"))\n'
                "    end\n"
            )
        ),
        Good(
            "defmodule M do\n  def a(x), do: flag(x, :public)\n"
            "  def b(x), do: x |> flag(:private)\n"
            '  defp flag(x, kind), do: {x, :"old_#{kind}"}\nend\n'
        ),
        Good(
            "defmodule M do\n  defmacro before(env), do: named(env.module, 1)\n"
            '  defp named(module, n), do: {module, :"__pipe_#{n}_#{module.size}__"}\nend\n'
        ),
        Good(
            "defmodule M do\n  defmacro __using__(o), do: quote(do: M.__view__(unquote(o)))\n"
            '  def __view__(o), do: :"#{o[:base]}View"\nend\n'
        ),
        Good(_module("    # String.to_atom(key)\n    key\n")),
        Good(
            "defmodule M do\n  @names Enum.map(~w(a b), &String.to_atom/1)\n"
            "  def f, do: @names\nend\n"
        ),
        Good(
            "defmodule M do\n  for k <- ~w(a b) do\n"
            "    def unquote(String.to_atom(k))(), do: 1\n  end\nend\n"
        ),
        Good("defmodule M do\n  defmacro f(x), do: String.to_atom(x)\nend\n"),
        Good(_module('    Macro.var(:"arg#{key}", __MODULE__)\n')),
        Good(_module('    add(:state, :"#{key}.state")\n', "  use Ecto.Migration\n")),
        Good("defmodule M do\n  defmacro f(x), do: quote(do: String.to_atom(unquote(x)))\nend\n"),
        Good(_module("    String.to_atom(key)\n"), path="test/params_test.exs"),
        Good(
            "defmodule Mix.Tasks.A do\n  use Mix.Task\n  def run(a), do: String.to_atom(a)\nend\n"
        ),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each atom that is made from something else than a literal."""
        for made in _made(file):
            yield self.at(
                file,
                (made.start, made.end),
                "an atom is made from data; atoms are never collected and their number is limited",
                module=made.module,
                function=made.function,
                severity=_severity(file, made),
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Ask for an atom that exists."""
        file = project.files[finding.file]
        span = span_of(file, finding)
        node = at(file.root(), span)
        if _names(node):
            return Declined(
                "the atom is a new name here; register names with {:via, Registry, …} instead"
            )
        made = next((found for found in _made(file) if found.start == span[0]), None)
        if isinstance(made, DynamicAtom):
            return _of_literal(file, made, node)
        return _of_call(file, made) if made is not None else Declined("the call is gone")


def _made(file: SourceFile) -> list[Call | DynamicAtom]:
    """Return what makes atoms at run time in production code."""
    calls: list[Call | DynamicAtom] = [
        call
        for call in file.production_calls(*EXISTING)
        if call.place == "function" and not _is_literal(file, call)
    ]
    atoms: list[Call | DynamicAtom] = [
        atom
        for atom in file.atoms
        if file.kind == "lib" and atom.place == "function" and not file.is_tool(atom.module)
    ]
    running = [made for made in calls + atoms if not _is_limited(file, made)]
    return sorted(running, key=lambda made: made.start)


def _severity(file: SourceFile, made: Call | DynamicAtom) -> Severity:
    """Rank by who chooses the string: a client's is one that can take all atoms there are."""
    values = _values(file, made)
    sent = any(is_requested(value) for value in values)
    return "high" if sent and not _names(at(file.root(), (made.start, made.end))) else "medium"


def _is_limited(file: SourceFile, made: Call | DynamicAtom) -> bool:
    """Whether the code says how many atoms there can be, or runs where others are compiled."""
    values = _values(file, made)
    if values and all(is_settled(file, value) for value in values):
        return True
    return _makes_code(file, made) or is_compiled_in(file, at(file.root(), (made.start, made.end)))


def _values(file: SourceFile, made: Call | DynamicAtom) -> list[Node]:
    place = (made.start, made.end)
    return values_of(file, place, made.arguments[:1] if isinstance(made, Call) else (place,))


def _makes_code(file: SourceFile, made: Call | DynamicAtom) -> bool:
    """Whether the function builds quoted code, and so runs when its callers are compiled."""
    outer = function_around(at(file.root(), (made.start, made.end)))
    if outer is None or not re.search("quote|Macro", code(outer)):
        return False
    return any(target(node) == "quote" or target(node).startswith("Macro.") for node in walk(outer))


def _is_literal(file: SourceFile, call: Call) -> bool:
    if not call.arguments:
        return False
    given = at(file.root(), call.arguments[0])
    return given.type in LITERALS and not any(n.type == "interpolation" for n in walk(given))


def _of_call(file: SourceFile, call: Call) -> ChangeSet | Declined:
    if "." not in file.slice(call.name):
        return Declined("the function is imported; import its to_existing_atom and call that")
    function = call.target.rpartition("/")[0].rpartition(".")[2]
    end = call.name[1]
    edit = Edit(start=end - len(function), end=end, text=EXISTING[call.target])
    return ChangeSet(files=(file.change(edit),))


def _of_literal(file: SourceFile, atom: DynamicAtom, node: Node) -> ChangeSet | Declined:
    if atom.kind != "atom":
        return Declined("a key or a sigil makes these atoms; build the pairs from known atoms")
    string = code(node)[1:]
    if string.startswith("'"):
        if '"' in string:
            return Declined("the atom holds both kinds of quotes; write the string by hand")
        string = f'"{string[1:-1]}"'
    text = f"{file.reference('String', atom.start)}.to_existing_atom({string})"
    return ChangeSet(files=(file.change(Edit(start=atom.start, end=atom.end, text=text)),))


def _names(node: Node) -> bool:
    """Whether the atom is made to name something: by its place, its variable or its function."""
    if ALWAYS_NEW.search(code(node)) or OF_MODULE_OR_NODE.search(code(node)):
        return True
    outer: Node | None = node
    while outer is not None and target(outer) not in ("def", "defp"):
        if outer.type == "pair" and NAME.search(_key(outer)):
            return True
        if outer.type == "call" and outer != node and NAMING.search(target(outer)):
            return True
        if outer.type == "binary_operator" and _binds_name(outer, node):
            return True
        outer = outer.parent
    if outer is None:
        return False
    head = arguments(outer)[0]
    return bool(NAME.search(code(head).partition("(")[0].rstrip("!?")))


def _key(pair: Node) -> str:
    return code(pair.child_by_field_name("key")).rstrip().rstrip(":")


def _binds_name(match: Node, node: Node) -> bool:
    """Whether a variable is bound to the atom that is a name by its own name, or by its use."""
    left = match.child_by_field_name("left")
    if code(match.child_by_field_name("operator")) not in ("=", "<-") or left is None:
        return False
    block = inside(match, "do_block", "body")
    name = code(left)
    if left.type != "identifier" or block is None:
        return False
    used = any(
        (found.type == "pair" and NAME.search(_key(found)) and code(found).endswith(name))
        or (NAMING.search(target(found)) and name in code(found))
        for found in walk(block)
    )
    return used or bool(NAME.search(name))
