"""The plan as five markdown documents, one a stage, for those who carry it out or decide on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from otp_genesis.model.frozen import Frozen
from otp_genesis.otp.plan import Plan, PlanItem
from otp_genesis.otp.rule import STAGES

SUMMARIES = {
    1: (
        "Stop the bleeding: processes that nobody supervises, messages that crash their receiver,"
        " waits without a limit, atoms without a bound. Each of these loses work or takes the node"
        " down, and most can be repaired mechanically."
    ),
    2: (
        "State that only a process's memory holds is gone when the process crashes, and a"
        " supervisor's restart then begins with nothing. Decide for each state whether its loss is"
        " acceptable, whether it can be rebuilt, or whether it must be kept."
    ),
    3: (
        "A process that does many things does them one at a time, and a crash in one loses all of"
        " them. Split it along its responsibilities, each part supervised by itself."
    ),
    4: (
        "Messages that nobody may receive, waiting by the clock, data hidden in the process"
        " dictionary: they work until the system is busy. Make who talks to whom explicit, and let"
        " tests wait for events rather than for time."
    ),
    5: (
        "Bring the repaired code into service in steps that can each be taken back, and watch what"
        " the repairs have made visible."
    ),
}
FILES = {
    1: "01-critical-fixes.md",
    2: "02-state-persistence.md",
    3: "03-architectural-decomposition.md",
    4: "04-testing-and-communication.md",
    5: "05-integration-and-rollout.md",
}
_DOERS = {"rule": "by rule, mechanically", "model": "with a model's judgement", "person": "by hand"}


class PlanDocument(Frozen):
    """One file of the plan."""

    name: str
    content: str


def plan_documents(plan: Plan) -> tuple[PlanDocument, ...]:
    """Return the five stage documents and `plan.json`."""
    documents = [
        PlanDocument(name=FILES[stage], content="\n".join(_stage(plan, stage)) + "\n")
        for stage in STAGES
    ]
    return (*documents, PlanDocument(name="plan.json", content=plan.model_dump_json(indent=2)))


def _stage(plan: Plan, stage: int) -> Iterator[str]:
    items = [item for item in plan.items if item.stage == stage]
    yield f"# Stage {stage}: {STAGES[stage]}"
    yield ""
    yield f"Project: {plan.project} ({plan.files} files, {plan.lines} lines)  "
    yield f"Goal: {plan.goal}"
    yield ""
    yield "## The problem"
    yield ""
    yield SUMMARIES[stage]
    yield ""
    yield from _counts(items) if stage != 5 or items else ()
    if stage == 1 and plan.unparsed:
        yield from _unparsed(plan)
    if items:
        yield "## Action items"
        yield ""
        for item in items:
            yield from _item(item)
        yield from _testing(items)
    elif stage != 5:
        yield "Nothing was found that belongs to this stage."
        yield ""
    if stage == 5:
        yield from _rollout(plan)


def _counts(items: list[PlanItem]) -> Iterator[str]:
    if not items:
        return
    yield "| rule | findings | repaired |"
    yield "| --- | --- | --- |"
    counted = Counter((item.rule, item.name, item.by) for item in items)
    for (rule, name, by), count in sorted(counted.items()):
        yield f"| {rule} {name} | {count} | {_DOERS[by]} |"
    yield ""


def _unparsed(plan: Plan) -> Iterator[str]:
    yield "These files could not be read as Elixir; nothing is said of them:"
    yield ""
    for lost in plan.unparsed:
        yield f"- `{lost.file}`: {lost.reason}"
    yield ""


def _item(item: PlanItem) -> Iterator[str]:
    where = f"`{item.module}`" if item.module else "top level"
    function = f", function `{item.function}`" if item.function else ""
    yield f"### {item.id} {item.rule} {item.name}: `{item.file}:{item.line}`"
    yield ""
    yield f"- **Where**: `{item.file}`, line {item.line}, {where}{function}"
    yield f"- **Flaw** ({item.severity}): {item.flaw}"
    yield f"- **Why**: {item.why}"
    yield f"- **Fix** ({_DOERS[item.by]}): {item.fix}"
    if item.reason:
        yield f"- **Not by rule, because**: {item.reason}"
    yield f"- **Proved by**: {item.test}" + (f" (`{item.test_file}`)" if item.test_file else "")
    yield f"- **Effort**: {item.effort}. **Risk**: {item.risk}"
    yield f"- **Depends on**: {', '.join(item.depends_on) or 'nothing'}"
    yield ""
    yield from _code(f"Before (from line {item.before_line})", item.before)
    if item.after is not None:
        yield from _code("After", item.after)
    elsewhere = [path for path in item.files if path != item.file]
    if elsewhere:
        yield f"The repair also changes {', '.join(f'`{path}`' for path in elsewhere)}:"
        yield ""
        yield from _fenced("diff", item.diff)


def _code(title: str, code: str) -> Iterator[str]:
    yield f"{title}:"
    yield ""
    yield from _fenced("elixir", code)


def _fenced(language: str, code: str) -> Iterator[str]:
    fence = "````" if "```" in code else "```"
    yield f"{fence}{language}"
    yield code.rstrip("\n")
    yield fence
    yield ""


def _testing(items: list[PlanItem]) -> Iterator[str]:
    yield "## Testing this stage"
    yield ""
    yield "After each item: `mix format --check-formatted`, `mix compile --warnings-as-errors`,"
    yield "`mix test`. What passed before must pass, the finding must be gone, no new one be there."
    yield ""
    for path in sorted({item.test_file for item in items if item.test_file}):
        yield f"- `{path}` is new: it fails on the code as it was and passes once it is repaired."
    yield ""


def _rollout(plan: Plan) -> Iterator[str]:
    mechanical = [item for item in plan.items if item.by == "rule"]
    waiting = [item for item in plan.items if item.by != "rule"]
    risky = [item for item in mechanical if item.finding.fix == "unsafe"]
    yield "## Order"
    yield ""
    yield f"1. Merge the {len(mechanical)} mechanical repairs, stage by stage: one commit each, so"
    yield "   that any of them can be reverted alone."
    yield f"2. Decide on the {len(waiting)} items that need judgement; each is a change of its own."
    yield "3. Where callers may notice a repair and you cannot try it out, keep both ways behind a"
    yield "   flag that is read at run time (`Application.get_env/3`), and drop the old one a"
    yield "   release later."
    yield "4. Deploy to one node, watch it for as long as your slowest job takes, then to the rest."
    yield ""
    if risky:
        yield "## What callers may notice"
        yield ""
        for rule, risk in sorted({(item.rule, item.risk) for item in risky}):
            places = ", ".join(f"`{item.file}:{item.line}`" for item in risky if item.rule == rule)
            yield f"- {rule}: {risk} Look at {places}."
        yield ""
    yield "## What to watch"
    yield ""
    yield "- Restarts: a supervisor that reaches its `max_restarts` takes its subtree down; log"
    yield "  lines `Child … terminated` that were not there before are crashes that were silent."
    yield "- `Task.Supervisor.children/1` of each task supervisor: a number that only rises is work"
    yield "  that never ends."
    yield "- Message queue lengths (`Process.info(pid, :message_queue_len)`) of the named servers."
    yield "- Warnings `unexpected message`: they name the sender that a later stage must mend."
    yield ""
    yield "## How to take it back"
    yield ""
    yield "Each repair is one commit with its own test: `git revert` of that commit undoes it and"
    yield "nothing else. Items that depend on another are to be reverted before it."
    yield ""
