"""The example application, refactored once from end to end; what came of it is looked at here."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.command import Genesis, commits, git, references, user_state
from support.elixir import mix, run_mix

pytestmark = pytest.mark.elixir

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_otp"
BRANCH = "genesis/demo"
BY_RULE = {
    "OTP001", "OTP002", "OTP004", "OTP006", "OTP009", "OTP021", "OTP044", "OTP053",
}  # fmt: skip

# The lines of the README's second table, as they stand in the code.
LOOK_ALIKES = [
    ("process.ex", "  def spawn(order_id), do: %__MODULE__{order_id: order_id}"),
    ("process.ex", "    fresh = spawn(process.order_id)"),
    ("notifier.ex", '    carrier = Process.get(process, :carrier) || "our warehouse"'),
    ("notifier.ex", "    Process.put(process, :told, length(process.done))"),
    (
        "notifier.ex",
        "  Every delivery runs on its own, as in `spawn(fn -> deliver(subscriber, message) end)`,"
        " so that a",
    ),
    (
        "promotions.ex",
        "  @forbidden quote(do: [spawn(task), spawn_link(task), send(target, message),"
        " exit(reason)])",
    ),
    (
        "promotions.ex",
        '    {:error, "a rule is arithmetic; spawn(...), send(...) and the like are not allowed"}',
    ),
    (
        "promotions.ex",
        "    with {:ok, ast} <- Code.string_to_quoted(rule, existing_atoms_only: true),",
    ),
    ("orders.ex", "      # spawn_link would take the shop down with a broken mail server"),
    ("orders.ex", "      Process.send_after(self(), {:payment_due, order.id}, @payment_deadline)"),
    ("sessions.ex", "      timer: Process.send_after(self(), {:expire, user}, @ttl)"),
    ("price_cache.ex", "    send(self(), :announce)"),
    ("price_cache.ex", "    :ets.update_counter(@table, {:hits, sku}, 1, {{:hits, sku}, 0})"),
    ("price_cache.ex", "  def handle_info(:announce, state) do"),
    ("price_cache.ex", "  def handle_info(message, state) do"),
    (
        "sessions.ex",
        "  def handle_info({:expire, user}, sessions), do: {:noreply, close(sessions, user)}",
    ),
    ("sessions.ex", "  def handle_info(message, sessions) do"),
    (
        "reporter.ex",
        "    revenue = Task.async(fn -> orders |> Enum.map(& &1.total) |> Enum.sum() end)"
        " |> Task.await()",
    ),
    (
        "sessions.ex",
        "    GenServer.call(__MODULE__, {:login, user, String.to_existing_atom(role), pid})",
    ),
    ("sessions.ex", '      _ -> {:reply, {:error, :"no session"}, sessions}'),
    ("sessions.ex", "      monitor: Process.monitor(pid),"),
    ("delivery/queue.ex", "    ref = Process.monitor(pid)"),
    (
        "delivery/rate_limiter.ex",
        "    {:ok, %{limit: Keyword.get(opts, :limit, :infinity), taken: %{}}}",
    ),
    (
        "delivery/rate_limiter.ex",
        "  def handle_call({:take, _carrier}, _from, %{limit: :infinity} = state) do",
    ),
    (
        "delivery/queue.ex",
        "    {:noreply, answer(%{state | waiting: [from | state.waiting]})}",
    ),
]


@dataclass(frozen=True)
class Done:
    """The refactor, and where its traces are."""

    genesis: Genesis
    project: Path
    before: dict[str, Any]
    base: str
    result: dict[str, Any]

    def of(self, status: str) -> list[dict[str, Any]]:
        return [item for item in self.result["items"] if item["status"] == status]

    def text(self, revision: str, path: str) -> list[str]:
        return git(self.project, "show", f"{revision}:{path}").splitlines()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The whole example, refactored."""
    place = tmp_path_factory.mktemp("example")
    project = place / "shaky_otp"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("_build", "deps"))
    git(project, "init", "--quiet", "--initial-branch=main", ".")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=As it was")
    genesis, before = Genesis(place), user_state(project)
    result = genesis.refactor(project, "--branch", BRANCH, code=1)
    return Done(genesis, project, before, git(project, "rev-parse", "HEAD"), result)


@pytest.fixture
def worktree(done: Done, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Check a revision out beside the project."""
    folder = tmp_path / "worktree"

    def at(revision: str) -> Path:
        if folder.exists():
            git(folder, "checkout", "--quiet", "--force", "--detach", revision)
        else:
            git(done.project, "worktree", "add", "--quiet", "--detach", str(folder), revision)
        return folder

    yield at
    git(done.project, "worktree", "remove", "--force", str(folder))


def test_json(done: Done) -> None:
    """The JSON has the promised shape, and says that some items need a decision."""
    result = done.result

    assert {
        "version", "run_id", "project", "branch", "base", "status", "items", "verification",
        "usage", "report",
    } <= result.keys()  # fmt: skip
    assert (1, str(done.project), BRANCH, done.base, "partial") == tuple(
        result[key] for key in ("version", "project", "branch", "base", "status")
    )
    for item in result["items"]:
        assert {
            "id", "rule", "file", "line", "status", "attempts", "commit", "by", "reason",
        } <= item.keys()  # fmt: skip
    assert {"fixed", "needs_model"} == {item["status"] for item in result["items"]}
    assert {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0} == result["usage"]
    assert {"tests": 25, "failures": 0, "warnings": 0} == result["verification"]["baseline"]
    final = result["verification"]["final"]
    assert {"tests": 30, "failures": 0, "warnings": 0} == final


def planted() -> Counter[tuple[str, str, str | None]]:
    """Return the README's flaws that a rule of ours is named for: code, file, function."""
    found: Counter[tuple[str, str, str | None]] = Counter()
    for line in (EXAMPLE / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and re.fullmatch(r"OTP\d{3}", cells[3]):
            function = re.match(r"`(.+?)`", cells[2])
            file = f"lib/shaky_otp/{cells[1].strip('`')}"
            found[cells[3], file, function[1] if function else None] += 1
    return found


def test_plan_has_every_flaw(done: Done) -> None:
    """The plan holds every flaw of the README that has a rule, where it is, and nothing else."""
    shown = done.genesis("otp", "refactor", done.project, "--dry-run", "--json")
    items = json.loads(shown.stdout)["items"]
    found = Counter((item["rule"], item["file"], item["function"]) for item in items)

    assert planted().total() >= 15
    assert len({rule for rule, _, _ in planted()}) >= 10
    assert planted() == found
    assert [(i["id"], i["file"], i["line"]) for i in items] == [
        (i["id"], i["file"], i["line"]) for i in done.result["items"]
    ]


def test_repairs(done: Done) -> None:
    """What a rule can repair is repaired at the first attempt; the rest waits for a decision."""
    assert {item["rule"] for item in done.of("fixed")} == BY_RULE
    assert {("rule", 1)} == {(item["by"], item["attempts"]) for item in done.of("fixed")}
    assert not BY_RULE & {item["rule"] for item in done.of("needs_model")}
    for item in done.of("needs_model"):
        assert (None, None, 0) == (item["commit"], item["by"], item["attempts"])
        assert item["reason"]


def test_commits(done: Done) -> None:
    """There is one commit for each repaired item, in the plan's order, and no other."""
    made = commits(done.project, done.base, BRANCH)

    assert [item["commit"] for item in done.of("fixed")] == made
    for item in done.of("fixed"):
        subject, blank, *body = git(
            done.project, "log", "-1", "--format=%B", item["commit"]
        ).splitlines()
        assert item["rule"] in subject
        assert blank == ""
        assert max(len(line) for line in body if "http" not in line) <= 72
        assert body[-1] == f"Plan item: {item['id']} ({item['file']}:{item['line']})"
        assert item["file"] in git(done.project, "show", "--name-only", "--format=", item["commit"])


def test_look_alikes(done: Done) -> None:
    """No look-alike is reported, and none is changed in any commit."""
    assert len(LOOK_ALIKES) >= 10
    flagged = {
        (item["file"], done.text(done.base, item["file"])[item["line"] - 1])
        for item in done.result["items"]
    }
    removed = git(done.project, "log", "-p", "--format=", f"{done.base}..{BRANCH}").splitlines()
    for name, line in LOOK_ALIKES:
        path = f"lib/shaky_otp/{name}"
        there = done.text(done.base, path).count(line)
        assert there >= 1, f"{name} has no line {line!r}"
        assert (path, line) not in flagged
        assert f"-{line}" not in removed
        assert there == done.text(BRANCH, path).count(line)
    assert "" == git(done.project, "diff", done.base, BRANCH, "--", "lib/shaky_otp/process.ex",
                     "lib/shaky_otp/promotions.ex", "lib/shaky_otp/price_cache.ex",
                     "lib/shaky_otp/sessions.ex", "test/shaky_otp")  # fmt: skip


def test_user_has_all(done: Done) -> None:
    """Checkout, index, HEAD, branch and configuration are as they were; no trace is left."""
    after = user_state(done.project)
    new = after["refs"].keys() - done.before["refs"].keys()

    assert {f"refs/heads/{BRANCH}"} == new
    after["refs"].pop(f"refs/heads/{BRANCH}")
    assert done.before == after
    assert "" == git(done.project, "status", "--porcelain")
    assert not list(done.genesis.home.glob("runs/*/tree"))


def test_each_commit_passes(done: Done, worktree: Callable[[str], Path]) -> None:
    """Every commit passes its tests by itself; the last is formatted and has no warning."""
    for commit in commits(done.project, done.base, BRANCH):
        tested = run_mix(worktree(commit), "test")
        assert tested.returncode == 0, f"{commit}: {tested.stdout}{tested.stderr}"
    folder = worktree(BRANCH)
    mix(folder, "format", "--check-formatted")
    mix(folder, "compile", "--force", "--warnings-as-errors")


def test_generated_tests_prove(done: Done, worktree: Callable[[str], Path]) -> None:
    """Each generated test fails on the code as it was."""
    names = git(done.project, "diff", "--name-only", "--diff-filter=A", done.base, BRANCH)
    paths = [name for name in names.splitlines() if name.endswith("_test.exs")]
    folder = worktree(done.base)

    assert len(paths) == 5
    for path in paths:
        git(folder, "checkout", BRANCH, "--", path)
        tested = run_mix(folder, "test", path)
        assert tested.returncode != 0, f"{path} passes without the repair"
        assert "1 test, 1 failure" in tested.stdout


class Page(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self, source: str):
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_report(done: Done) -> None:
    """The page fetches nothing and runs nothing, and tells of every item."""
    source = Path(done.result["report"]).read_text()
    page = Page(source)

    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    assert [] == page.addresses
    assert not re.search(r"url\(|@import", source)
    for item in done.result["items"]:
        assert item["id"] in page.text
        assert f"{item['file']}:{item['line']}" in page.text
        assert (item["commit"] or item["reason"]) in page.text
    # Code of the project is text, not markup.
    assert "def notify(<" not in source
    assert "GenServer.cast(queue, {:finished, id})" in page.text
    assert "Enum.map(& &1.total)" not in source


def test_second_refactor(done: Done, tmp_path: Path) -> None:
    """On the branch that came of it nothing is left that a rule repairs."""
    again = tmp_path / "again"
    git(done.project, "clone", "--quiet", "--branch", BRANCH, str(done.project), str(again))
    result = done.genesis.refactor(again, "--branch", "genesis/second", code=1)

    assert {"needs_model"} == {item["status"] for item in result["items"]}
    assert len(result["items"]) == len(done.of("needs_model"))
    assert "refs/heads/genesis/second" not in references(again)
    assert result["branch"] is None
