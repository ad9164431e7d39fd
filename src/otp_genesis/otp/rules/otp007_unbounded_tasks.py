"""OTP007: as many tasks at once as a collection has elements."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis.model.change import ChangeSet
from otp_genesis.otp.facts import Call, SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import PRODUCTION, Bad, Declined, Evidence, Finding, Good, Rule
from otp_genesis.otp.syntax import arguments, at, code, target

TARGETS = (
    "Task.async/1",
    "Task.async/3",
    "Task.Supervisor.async/2",
    "Task.Supervisor.async/4",
    "Task.Supervisor.async_nolink/2",
    "Task.Supervisor.async_nolink/4",
)
LOOPS = ("Enum.map", "Enum.flat_map", "Enum.each", "Enum.reduce", "Enum.into")
LIMITS = ("chunk", "Enum.take", "schedulers_online", "max_concurrency", "Enum.zip")
"""What in the same function says that the number is thought of."""
AWAITS = ("await", "yield")
"""What in the same function says that these are no workers that a server keeps."""
FUNCTIONS = re.compile(r"(fn|for) (?P<one>\w+) (->|<-).*?fn -> (?P=one)\.\(", re.DOTALL)
"""A task that runs an element: functions are written in the code, so many of them, too."""
MACHINES = re.compile(r"\bnodes?\b|\bNode\.")


def _module(body: str, head: str = "") -> str:
    return f"defmodule MyApp.Jobs do\n{head}  def all(urls) do\n{body}  end\nend\n"


AWAIT = "    |> Task.await_many()\n"


class UnboundedTasks(Rule):
    """A task is started for each element of a collection, all at once.

    ## Why is this bad?
    The number of tasks is the caller's data: a thousand elements are a thousand connections, or
    as many copies of what the function closes over, at the same moment. What the tasks ask
    becomes slow, and they all run into their timeout together.

    ## Use instead
    `Task.async_stream/3` (or `Task.Supervisor.async_stream_nolink/4`), which keeps to
    `:max_concurrency` (https://hexdocs.pm/elixir/Task.html#async_stream/3).

    ## Fix safety
    None: the stream gives `{:ok, result}` for each element and has a timeout of its own for each;
    what uses the results has to be changed with it. A list or range written in the code is not
    reported, nor are a list of functions, the nodes of a cluster, tasks that nobody awaits in the
    same function (a server's workers), or a function that speaks of chunks or of a limit.
    """

    code = "OTP007"
    name = "unbounded-tasks"
    stage = 3
    severity = "medium"
    safety = "model"
    reach = "file"
    kinds = PRODUCTION
    needs = TARGETS
    effort = "minutes"
    risk = "The work takes longer in all, and as many run at once as the limit says."
    examples = (
        Bad(
            _module("    urls\n    |> Enum.map(fn u -> Task.async(fn -> get(u) end) end)\n" + AWAIT)
        ),
        Bad(_module("    Enum.map(urls, &Task.async(fn -> get(&1) end))\n" + AWAIT)),
        Bad(_module("    urls |> Enum.map(&Task.async/1)\n" + AWAIT)),
        Bad(
            _module(
                "    tasks = for u <- urls, do: Task.async(fn -> get(u) end)\n"
                "    Task.await_many(tasks)\n"
            )
        ),
        Bad(
            _module(
                "    for u <- urls do\n      t = T.async(fn -> get(u) end)\n      t\n    end\n"
                + AWAIT,
                "  alias Task, as: T\n",
            )
        ),
        Bad(
            _module(
                "    Enum.map(urls, fn u ->\n      Task.Supervisor.async(S, fn -> 1 end)\n"
                "    end)\n    |> Enum.map(&Task.await/1)\n"
            )
        ),
        Good(_module("    Task.async_stream(urls, &get/1, max_concurrency: 4)\n")),
        Good(_module("    [:a, :b] |> Enum.map(&Task.async/1)\n" + AWAIT)),
        Good(_module("    for u <- [:a, :b], do: Task.async(fn -> get(u) end)\n")),
        Good(
            _module("    for u <- [1, 2] do\n      Task.async(fn -> get(u) end)\n    end\n" + AWAIT)
        ),
        Good(_module("    for n <- 1..4, do: Task.async(fn -> get(n) end)\n")),
        Good(_module("    Enum.map(@sources, fn s -> Task.async(fn -> get(s) end) end)\n")),
        Good(
            _module(
                "    urls\n    |> Enum.chunk_every(5)\n    |> Enum.map(fn us ->\n"
                "      us |> Enum.map(&Task.async/1) |> Task.await_many()\n    end)\n"
            )
        ),
        Good(
            _module("    Enum.map(Node.list(), fn n -> Task.async(fn -> get(n) end) end)\n" + AWAIT)
        ),
        Bad(_module("    Enum.map(urls, &Task.async(fn -> job.(&1) end))\n" + AWAIT)),
        Good(_module("    metrics()\n    |> Enum.map(&Task.async(fn -> set(&1) end))\n" + AWAIT)),
        Good(_module("    Enum.map(urls, fn q -> Task.async(fn -> q.() end) end)\n" + AWAIT)),
        Good(_module("    for u <- urls, do: Task.Supervisor.async_nolink(S, fn -> get(u) end)\n")),
        Good(_module("    Task.async(fn -> Enum.map(urls, fn u -> get(u) end) end)\n")),
        Good(_module("    # Enum.map(urls, &Task.async/1)\n    urls\n")),
        Good(_module("    Enum.map(urls, &Task.async/1)\n", "  alias MyApp.Task\n")),
        Good(_module("    Enum.map(urls, &Task.async/1)\n"), path="test/jobs_test.exs"),
    )

    def check(self, project: Project, file: SourceFile) -> Iterator[Finding]:
        """Flag each task that a loop over data starts."""
        for call in file.production_calls(*TARGETS):
            if not _is_awaited(file, call):
                continue
            loop = _loop(at(file.root(), (call.start, call.end)))
            if loop is None or _is_limited(loop):
                continue
            yield self.at(
                file,
                (call.start, call.end),
                "as many tasks run at once as the collection has elements",
                module=call.module,
                function=call.function,
                evidence=[
                    Evidence.at(
                        file,
                        loop.start_byte,
                        f"`{target(loop)}` starts them all before one is awaited",
                    )
                ],
            )

    def fix(self, project: Project, finding: Finding) -> ChangeSet | Declined:
        """Decline: what uses the results has to be changed too."""
        return Declined(
            "decide how many may run at once: use Task.async_stream/3 with max_concurrency: and"
            " timeout:, and take {:ok, result} where the results are used"
        )


def _loop(task: Node) -> Node | None:
    """Return the loop that starts a task in each round."""
    node: Node | None = task
    while node is not None and target(node) not in ("def", "defp"):
        if target(node) == "for":
            return node
        if node.type == "anonymous_function" or code(node.child_by_field_name("operator")) == "&":
            given = node.parent
            call = given.parent if given is not None and given.type == "arguments" else None
            return call if call is not None and target(call) in LOOPS else None
        node = node.parent
    return None


def _is_awaited(file: SourceFile, call: Call) -> bool:
    """Whether the function awaits its tasks, and speaks of no limit."""
    function = file.function(call.module, call.function)
    clauses = function.clauses if function is not None else ()
    text = "".join(file.slice((clause.start, clause.end)) for clause in clauses)
    return any(word in text for word in AWAITS) and not any(word in text for word in LIMITS)


def _is_limited(loop: Node) -> bool:
    """Whether the code that a loop goes through says how many there are."""
    collection = _collection(loop)
    if collection is not None:
        operator = code(collection.child_by_field_name("operator"))
        literal = collection.type in ("list", "sigil") or operator in ("..", "..//", "@")
        if literal or MACHINES.search(code(collection)) or _is_constant(collection):
            return True
    return FUNCTIONS.search(code(loop)) is not None


def _is_constant(collection: Node) -> bool:
    """Whether it is what a function of the module returns that is asked nothing."""
    local = collection.type == "call" and "." not in target(collection)
    return local and not arguments(collection)


def _collection(loop: Node) -> Node | None:
    """Return what a loop goes through; of a pipe, what it begins with."""
    first = arguments(loop)[0] if arguments(loop) else None
    if first is not None and target(loop) == "for":
        return first.child_by_field_name("right")
    pipe = loop.parent
    if pipe is not None and pipe.child_by_field_name("right") == loop:
        found = pipe.child_by_field_name("left")
        while found is not None and code(found.child_by_field_name("operator")) == "|>":
            found = found.child_by_field_name("left")
        return found
    return first
