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
EXPRESSIONS = (
    "{0}", "{0}.a", "{0} ~ 'x {0}'", "[{0}, {1}]", "{{'{0}': {1}}}", "{0}['a']", "{0} == {1}",
    "{0} is defined", "({0})|default({1})", "steps.{0}", "state.{0}", "nobody|default('{0}')",
)  # fmt: skip
STYLES = ("plain", "'", '"', "|", ">", "json")
COMMENTS = ("", "  # {{ s }}", " # über 😀 '\"")


def expression(draw: st.DrawFn) -> str:
    names = st.sampled_from(NAMES)
    return draw(st.sampled_from(EXPRESSIONS)).format(draw(names), draw(names))


def scalar(draw: st.DrawFn, text: str, indent: str, comment: str) -> str:
    """Return a string as some author might write it."""
    style = draw(st.sampled_from(STYLES))
    if style == "plain" and re.fullmatch(r"[\w.][^:#{}\[\],&*?|>'\"%@`-]*", text):
        return f" {text}{comment}\n"
    if style in ("|", ">"):
        return f" {style}-{comment}\n{indent}  {text}\n"
    if style == "'":
        doubled = text.replace("'", "''")
        return f" '{doubled}'{comment}\n"
    return f" {json.dumps(text, ensure_ascii=style == 'json')}{comment}\n"


def step(draw: st.DrawFn, indent: str, depth: int) -> str:
    comment = draw(st.sampled_from(COMMENTS))
    lines = f"{indent}- name: {draw(st.sampled_from(NAMES))}{comment}\n"
    deeper = indent + "  "
    kind = draw(st.sampled_from(["say", "say", "old_say", "set", "loop", "inline"]))
    if draw(st.integers(0, 3)) == 0:
        lines += f"{deeper}condition:" + scalar(draw, expression(draw), deeper, comment)
    if kind in ("loop", "inline") and not depth:
        kind = "say"
    if kind == "set":
        lines += f"{deeper}type: set_variable\n{deeper}variable: {draw(st.sampled_from(NAMES))}\n"
        text = "{{ " + expression(draw) + " }}"
        return lines + f"{deeper}value:" + scalar(draw, text, deeper, comment)
    if kind == "loop":
        lines += f"{deeper}type: for_loop{comment}\n{deeper}iterator: item\n"
        lines += f"{deeper}data_source: [1, 2]\n{deeper}steps:\n"
        return lines + distinct(draw, deeper, depth - 1)
    if kind == "inline":
        lines += f"{deeper}type: pipeline\n{deeper}pipeline:{comment}\n{deeper}  steps:\n"
        return lines + distinct(draw, deeper + "  ", depth - 1)
    text = draw(st.sampled_from(["{{{{ {0} }}}}", "a {{{{ {0} }}}} {0} {{# {0} #}}"]))
    lines += f"{deeper}type: {kind}\n"
    return lines + f"{deeper}value:" + scalar(draw, text.format(expression(draw)), deeper, comment)


def distinct(draw: st.DrawFn, indent: str, depth: int) -> str:
    """Return steps with different names."""
    texts: dict[str, str] = {}
    for _ in range(draw(st.integers(1, 4))):
        text = step(draw, indent, depth)
        texts.setdefault(text.split()[2], text)
    return "".join(texts.values())


@st.composite
def documents(draw: st.DrawFn) -> str:
    head = draw(st.sampled_from(["name: n # c\n", "# c\nversion: 1\n", "name: n\nstrict: false\n"]))
    variables = draw(st.sampled_from(["", "variables: {item: 7}\n", "variables: {s: {a: 1}}\n"]))
    text = head + variables + "steps:\n- {name: s, type: say, value: {a: 2}}\n"
    text += distinct(draw, "", 2).replace("- name: s", "- name: first", 1)
    if draw(st.booleans()):
        indented = "".join(f"  {line}\n" for line in text.splitlines())
        text = f"# head\nworkflow:\n{indented}"
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


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


def spoken(data: Any, names: bool = True) -> Any:
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


SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


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


def ends(bench: Bench, text: str) -> Any:
    report = bench.run(text)
    error = report.error and re.sub(r"\b(steps|state)\.", "", report.error.message)
    return report.status, error, report.results


@SLOW
@given(documents())
def test_a_run_gives_the_same(bench: Bench, text: str) -> None:
    """Results and failures, the places of names aside."""
    done = migrate(text, str(bench.folder / "d.yaml"), prepared(bench))
    wrapped = [f"x: {{}}\n{one}" if False else one for one in (done.before, done.after)]
    if not done.passed:
        return
    before, after = (ends(bench, whole(one)) for one in wrapped)

    assert before == after


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
