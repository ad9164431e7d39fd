"""What holds of every document that is migrated."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from conftest import Bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_genesis.cli.migrate import rules_of
from otp_genesis.compatibility.migration import Migration, Rules, migrate
from otp_genesis.model.document import read_document

NAMES = ("s", "t", "u", "my_step", "item")
# The first of each mean the same in a strict document; now and then there is another.
EXPRESSIONS = ("{0}", "{0}.a", "[{0}, {1}]", "{{'{0}': {1} }}", "{0} == 'x'", "{0}['a']")
OTHERS = (
    "{0} ~ 'x {0}'", "{0} == {1}", "{0} is defined", "{0}|default({1})", "({0}, {1})|length",
    "{0} if {1} is defined else {0}", "{0}['a']|default('{0}')", "{0} + 1",
)  # fmt: skip
CONDITIONS = ("{0} != 'x'", "{0} == 'x' or {1} != none", "not {0} == '{1}'", "{0} in ['x', '{1}']")
OTHER_CONDITIONS = ("{0} == {1}", "{0}", "'{0}' in [{1}]", "{0}.a > 0", "{0} and not {1} == 2")
TEMPLATES = (
    "{{{{ {e} }}}}", "a {{{{ {e} }}}} {0}", "{{%- if {e} %}}x{{% endif %}}",
    "{{% for x in [{e}] %}}{{{{ x }}}}{{% endfor %}}",
)  # fmt: skip
STYLES = ("plain", "'", '"', "|", ">", "json")
COMMENTS = ("", "  # {{ s }}", " # über 😀 '\"")


class Author:
    """Writes steps; knows which names there are. Now and then it names one that is not there."""

    def __init__(self, draw: st.DrawFn):
        self.draw = draw

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def chance(self, of: int) -> bool:
        return self.draw(st.integers(1, of)) == of

    def expression(self, forms: tuple[str, ...], others: tuple[str, ...], seen: list[str]) -> str:
        forms = others if self.chance(12) else forms
        names = [self.one_of(*NAMES) if self.chance(40) else self.one_of(*seen) for _ in range(2)]
        return self.one_of(*forms).format(*names)

    def template(self, seen: list[str]) -> str:
        inner = self.expression(EXPRESSIONS, OTHERS, seen)
        return self.one_of(*TEMPLATES).format(self.one_of(*seen), e=inner)

    def scalar(self, text: str, indent: str, comment: str) -> str:
        """Return a string as some author might write it."""
        style = self.one_of(*STYLES)
        if style == "plain" and re.fullmatch(r"[a-z][^:#{}\[\],&*?|>'\"%@`-]*", text):
            return f" {text}{comment}\n"
        if style in ("|", ">"):
            return f" {style}-{comment}\n{indent}  {text}\n"
        if style == "'":
            doubled = text.replace("'", "''")
            return f" '{doubled}'{comment}\n"
        return f" {json.dumps(text, ensure_ascii=style == 'json')}{comment}\n"

    def step(self, name: str, indent: str, depth: int, seen: list[str]) -> str:
        comment = self.one_of(*COMMENTS)
        lines, deeper = f"{indent}- name: {name}{comment}\n", indent + "  "
        if self.chance(4):
            condition = self.expression(CONDITIONS, OTHER_CONDITIONS, seen)
            lines += f"{deeper}condition:" + self.scalar(condition, deeper, comment)
        kinds = ["say", "say", "old_say", "set", *(["loop", "inline"] if depth else [])]
        match self.one_of(*kinds):
            case "set":
                variable = self.one_of(*NAMES)
                lines += f"{deeper}type: set_variable\n{deeper}variable: {variable}\n"
                seen.append(variable)
                return lines + f"{deeper}value:" + self.scalar(self.template(seen[:-1]), deeper, "")
            case "loop":
                lines += f"{deeper}type: for_loop{comment}\n{deeper}iterator: item\n"
                lines += f"{deeper}data_source: [1, 2]\n{deeper}steps:\n"
                return lines + self.steps(deeper, depth - 1, [*seen, "item"])
            case "inline":
                lines += f"{deeper}type: pipeline\n{deeper}pipeline:{comment}\n{deeper}  steps:\n"
                lines += f"{deeper}  - {{name: s, type: say, value: 1}}\n"
                return lines + self.steps(deeper + "  ", depth - 1, ["s"], taken=("s",))
            case kind:
                lines += f"{deeper}type: {kind}\n"
                return lines + f"{deeper}value:" + self.scalar(self.template(seen), deeper, comment)

    def steps(self, indent: str, depth: int, seen: list[str], taken: tuple[str, ...] = ()) -> str:
        """Return steps with different names, each of which the next ones know."""
        free = [name for name in NAMES if name not in taken]
        text = ""
        for name in self.draw(st.lists(st.sampled_from(free), min_size=1, unique=True)):
            text += self.step(name, indent, depth, seen)
            seen.append(name)
        return text


@st.composite
def documents(draw: st.DrawFn) -> str:
    author = Author(draw)
    head = author.one_of("name: n # c\n", "# c\nversion: 1\n", "name: n\nstrict: false\n")
    variables = author.one_of("", "variables: {item: 7}\n", "variables: {s: {a: 1}}\n")
    text = head + variables + "steps:\n- {name: s, type: say, value: {a: 2}}\n"
    seen = ["s", "item"] if "item" in variables else ["s"]
    text += author.steps("", 2, seen, taken=("s",))
    if draw(st.booleans()):
        indented = "".join(f"  {line}\n" for line in text.split("\n") if line)
        text = f"# head\nworkflow:\n{indented}"
    return text.replace("\n", author.one_of("\n", "\r\n"))


def prepared(bench: Bench) -> Rules:
    if "old_say" not in bench.runtime.steps.aliases():
        bench.runtime.steps.alias("old_say", "say")
    return rules_of(bench.runtime)


def comments(text: str) -> list[str]:
    """Return the comments of a text, read by what YAML's own scanner leaves out."""
    ends, found = 0, []
    for token in [*yaml.scan(text, Loader=yaml.SafeLoader)]:
        between = text[ends : token.start_mark.index]
        found += re.findall(r"#[^\r\n]*", between)
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            found += re.findall(r"#[^\r\n]*", text[token.start_mark.index :].splitlines()[0])
        ends = max(ends, token.end_mark.index)
    return found + re.findall(r"#[^\r\n]*", text[ends:])


def spoken(data: Any) -> Any:
    """Return the data without what migrating may change."""
    match data:
        case dict():
            if "variable" in data and "value" in data:
                rest = {k: v for k, v in data.items() if k not in ("variable", "value")}
                data = {**rest, "variables": {data["variable"]: data["value"]}}
            return {key: spoken(item) for key, item in data.items() if key != "strict"}
        case list():
            return [spoken(item) for item in data]
        case str():
            return re.sub(r"\b(steps|state)\.(?=\w)", "", data).replace("old_say", "say")
    return data


SLOW = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


@SLOW
@given(documents())
def test_what_is_written_stays(bench: Bench, text: str) -> None:
    """It can be read, says the same but for what was changed, and has its comments in order."""
    done = migrate(text, "d.yaml", prepared(bench))

    assert spoken(read_document(text).data) == spoken(read_document(done.after).data)
    assert comments(text) == comments(done.after)
    assert text.count("\r\n") <= done.after.count("\r\n")
    assert ("\r\n" in text) == (done.after.count("\r\n") == done.after.count("\n"))


@SLOW
@given(documents())
def test_once_is_enough(bench: Bench, text: str) -> None:
    """What passed passes after; migrating again changes nothing and asks the same."""
    rules = prepared(bench)
    done = migrate(text, "d.yaml", rules)
    again = migrate(done.after, "d.yaml", rules)

    assert (done.after, ()) == (again.after, again.changes)
    assert len(done.errors) == len(again.errors)
    assert [one.message for one in done.undecided] == [one.message for one in again.undecided]
    assert not (done.passed and done.errors)
    assert again.passed is (not again.errors)


MISSING = re.compile(r"there is no '|has no '|is not defined")
"""What a strict document fails with where the other made do with nothing."""


def ends(bench: Bench, text: str) -> Any:
    report = bench.run(text)
    # Hypothesis shows the bench with all that it holds.
    bench.events.clear()
    # The reason of a skipped step quotes its condition.
    told = json.dumps([report.results, report.error and report.error.message])
    return report.status, re.sub(r"\b(steps|state)\.", "", told)


@SLOW
@given(documents())
def test_a_run_gives_the_same(bench: Bench, text: str) -> None:
    """Results and failures, the places of names aside."""
    done = migrate(text, str(bench.folder / "d.yaml"), prepared(bench))
    if done.passed:
        before, after = (ends(bench, whole(one)) for one in (done.before, done.after))
        assert before == after or MISSING.search(after[1])


def whole(text: str) -> str:
    """Return the text with its root, which the bench asks for."""
    if "workflow:" in text:
        return text[text.index("workflow:") :]
    return "workflow:\n" + "".join(f"  {line}" for line in text.splitlines(keepends=True))


@SLOW
@given(documents())
def test_places_are_those_of_the_file(bench: Bench, text: str) -> None:
    """Every line that is told is the line of the text before, and shows it."""
    done: Migration = migrate(text, "d.yaml", prepared(bench))
    lines = text.split("\n")

    for one in (*done.errors, *done.undecided, *done.warnings):
        assert lines[one.line - 1] == one.source_line
    for change in done.changes:
        old = change.what.partition(" ")[0].partition(",")[0]
        assert old in ("strict:", "type", "variable") or old in "".join(lines[change.line - 1 :])
