"""Documents as they are written in the wild: what is changed in them, and what stays."""

from __future__ import annotations

import json

import pytest
from conftest import Bench

from compatibility.conftest import Migrate
from otp_genesis.cli.migrate import rules_of
from otp_genesis.compatibility.migration import migrate
from otp_genesis.errors import InvalidDocument
from otp_genesis.model.document import read_document


def changed(migrate: Migrate, text: str) -> list[tuple[str, str]]:
    """Return the lines that migrating changes, before and after; strict is said already."""
    head = "strict: true\nvariables: {v: 1}\nsteps:\n- {name: s, type: say, value: {k: 1}}\n"
    done = migrate(head.replace("strict: true\n", "name: n\n") + text, exact=True)
    after = done.after.replace("name: n\nstrict: true\n", "name: n\n")
    before = done.before.splitlines(keepends=True)
    lines = after.splitlines(keepends=True)
    assert len(before) == len(lines)
    return [(old, new) for old, new in zip(before, lines, strict=True) if old != new]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("value: '{{ s.k }}'", "value: '{{ steps.s.k }}'"),
        ('value: "{{ s.k }}"', 'value: "{{ steps.s.k }}"'),
        ("value: a {{ s.k }} {{ v }}", "value: a {{ steps.s.k }} {{ state.v }}"),
        ("value: 'x {{ s[''k''] }}'  # s.k", "value: 'x {{ steps.s[''k''] }}'  # s.k"),
        ('value: "{{ s[\\"k\\"] }}\\n\\t{{ v }}"',
         'value: "{{ steps.s[\\"k\\"] }}\\n\\t{{ state.v }}"'),
        ('value: "\\x7b{ s }} \\u00e4 \\U0001f600 {{ v }}"',
         'value: "\\x7b{ steps.s }} \\u00e4 \\U0001f600 {{ state.v }}"'),
        ("value: &x '{{ s }}'", "value: &x '{{ steps.s }}'"),
        ("value: !!str '{{ s }}'", "value: !!str '{{ steps.s }}'"),
        ("value: {a: ['{{ s }}', {b: '{{ v }}'}]}",
         "value: {a: ['{{ steps.s }}', {b: '{{ state.v }}'}]}"),
        ("condition: s.k == 'x'", "condition: steps.s.k == 'x'"),
        ("condition: '{{ s.k != none }}'", "condition: '{{ steps.s.k != none }}'"),
        ('condition: "s.k == \\"x\\" and \'s\' == v"',
         'condition: "steps.s.k == \\"x\\" and \'s\' == state.v"'),
        ("condition: 's.k == ''s'' or v == ''1'''",
         "condition: 'steps.s.k == ''s'' or state.v == ''1'''"),
        ("condition: (s.k) == 'x' # (s.k)", "condition: (steps.s.k) == 'x' # (s.k)"),
        ("value: 'ü😀 {{ s }}'", "value: 'ü😀 {{ steps.s }}'"),
        ("\"value\": '{{ s }}'", "\"value\": '{{ steps.s }}'"),
        ("value:\t'{{ s }}'", "value:\t'{{ steps.s }}'"),
    ],
)  # fmt: skip
def test_a_name_in_an_expression(migrated: Migrate, line: str, expected: str) -> None:
    """Whatever it is written in: only the name becomes another."""
    step = "- name: t\n  type: say\n  {}\n"

    assert [(f"  {line}\n", f"  {expected}\n")] == changed(migrated, step.format(line))


@pytest.mark.parametrize(
    "text",
    [
        "value: |\n    s\n    {{ s.k }} # not a comment\n\n      {{ v }}",
        "value: |2-  # {{ s }}\n    {{ s.k }}\n    {{ v }}",
        "value: >+\n    {{ s.k }}\n    {{ v }}\n\n",
        "value: a {{ s.k }}\n    and {{ v }}\n\n    more",
        'value: "a {{ s.k }} \\\n    and\n    {{ v }}"',
        "value: 'a {{ s.k\n\n     }} {{ v }}'",
        "value:\n  - &a {{a: '{{ s.k }}'}}\n  # {{ s.k }}\n  - '{{ v }}'",
    ],
)
def test_several_lines(migrated: Migrate, text: str) -> None:
    """Block scalars and folded strings keep their lines."""
    text = text.replace("{{a", "{a").replace("'}}'}}", "'}}'}").replace(" }}'}}", " }}'}")
    found = changed(migrated, f"- name: t\n  type: say\n  {text}\n- {{name: u, type: say}}\n")

    assert len(found) in (1, 2)
    for old, new in found:
        assert new == old.replace("{{ s.k", "{{ steps.s.k").replace("{{ v", "{{ state.v")


ODD = (
    "\ufeff# head\r\nworkflow: # w\r\n  name: 'n' # n\r\n\r\n  steps:   # s\r\n"
    "  - {name: s, type: say}\r\n  - name: t # t\r\n    type: say\r\n"
    "    value: |\r\n      {{ s }}\r\n\r\n      x\r\n    condition: s == 's'\t# c\r\n# tail"
)


def test_every_other_byte_stays(migrated: Migrate) -> None:
    """Windows line ends, tabs, trailing blanks, no line end at the end."""
    done = migrated(ODD.removeprefix("\ufeff"), exact=True)
    expected = ODD.removeprefix("\ufeff").replace("{{ s }}", "{{ steps.s }}")
    expected = expected.replace("s == 's'", "steps.s == 's'")

    assert expected.replace("# n\r\n", "# n\r\n  strict: true\r\n") == done.after


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("workflow:\n  name: n # c\n  # d\n", "workflow:\n  name: n # c\n  strict: true\n  # d\n"),
        ("workflow:\n  # c\n  version: 1\n  name: n\n",
         "workflow:\n  # c\n  strict: true\n  version: 1\n  name: n\n"),
        ("workflow:\n    name: |\n      n\n",
         "workflow:\n    strict: true\n    name: |\n      n\n"),
        ("name: n\n", "name: n\nstrict: true\n"),
        ("---\nname: n\n", "---\nname: n\nstrict: true\n"),
        ("workflow:\n  strict: false # c\n", "workflow:\n  strict: true # c\n"),
        ("workflow:\n  name: n\n  strict:\n", "workflow:\n  name: n\n  strict: true\n"),
        ("workflow:\n  name: n\n  strict: ~\n", "workflow:\n  name: n\n  strict: true\n"),
        ("workflow:\n  name: n\n  strict: &s false\n", "workflow:\n  name: n\n  strict: &s true\n"),
        ("x-a: &a {version: 1}\nworkflow:\n  <<: *a\n  name: n\n",
         "x-a: &a {version: 1}\nworkflow:\n  <<: *a\n  name: n\n  strict: true\n"),
        ("workflow: &w\n  name: n\n", "workflow: &w\n  name: n\n  strict: true\n"),
        ("workflow:\n  \"name\": n\n", "workflow:\n  \"name\": n\n  \"strict\": true\n"),
    ],
)  # fmt: skip
def test_where_strict_is_said(migrated: Migrate, head: str, expected: str) -> None:
    """After the name, else before the first key, else where it is said already."""
    indent = head.splitlines()[-1][: -len(head.splitlines()[-1].lstrip())] or ""
    indent = "    " if "|" in head else indent
    tail = f"{indent}steps:\n{indent}- {{name: a, type: say}}\n"

    assert expected + tail == migrated(head + tail, exact=True).after


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{steps: [{name: a, type: say}]}", "{strict: true, steps: [{name: a, type: say}]}"),
        ("workflow: {name: n, steps: [{name: a, type: say}]}",
         "workflow: {strict: true, name: n, steps: [{name: a, type: say}]}"),
        ("workflow: {\n  name: n,\n  steps: [{name: a, type: say}]}",
         "workflow: {\n  strict: true,\n  name: n,\n  steps: [{name: a, type: say}]}"),
    ],
)  # fmt: skip
def test_strict_in_braces(migrated: Migrate, text: str, expected: str) -> None:
    """Before the first key."""
    assert expected == migrated(text, exact=True).after


def test_json_stays_json(migrated: Migrate) -> None:
    """Keys and values in quotes, escapes as they were, also those of two halves."""
    text = """
        {
          "workflow": {
            "name": "n \\ud83d\\ude00",
            "steps": [
              {"name": "s", "type": "say", "value": "\\ud83d\\ude00"},
              {"name": "t", "type": "say", "value": "\\ud83d\\ude00 {{ s }} \\u00e4"},
              {"name": "u", "type": "set_variable",
               "variable": "x",
               "value": {"a": ["{{ t }}"]}}
            ]
          }
        }
        """
    done = migrated(text)
    data = json.loads(done.after)["workflow"]

    assert data["strict"] is True
    assert "\\ud83d\\ude00 {{ steps.s }} \\u00e4" in done.after
    assert '"variables": {"x": {"a": ["{{ steps.t }}"]}}' in done.after
    assert [4, 7, 9, 10] == sorted({one.line for one in done.changes})[:4] or done.changes


@pytest.mark.parametrize("variables", ["{s: 1}", "{}"])
def test_a_name_that_is_a_step_and_a_variable(migrated: Migrate, variables: str) -> None:
    """Set from the start it is the variable; set by a step it depends on when."""
    done = migrated(
        f"""
        workflow:
          name: n
          variables: {variables}
          steps:
          - {{name: s, type: say, value: 2}}
          - {{name: t, type: set_variable, variables: {{s: 3}}}}
          - {{name: u, type: say, value: "{{{{ s }}}} {{{{ t }}}}"}}
        """,
        open=True,
    )

    if variables == "{s: 1}":
        assert 'value: "{{ state.s }} {{ steps.t }}"' in done.after
        assert "strict: true" in done.after
        assert () == done.undecided
    else:
        assert done.before == done.after
        said = [f"{one.line}:{one.column} {one.code} {one.message}" for one in done.undecided]
        asked = "if it were strict: a strict document says 'steps.s' or 'state.s'"
        assert [f"7:37 bare-name {asked}"] == said


@pytest.mark.parametrize(
    "value",
    [
        "a + 1", "a == 1", "a | upper", "a.result", "a ? 1 : 2", "a contains 'b'",
        "my-name.x", "date", "length(a)",
    ],
)  # fmt: skip
def test_what_may_mean_something_else(migrated: Migrate, value: str) -> None:
    """A pipeline with such an expression stays as it is; the others do not."""
    inner = (
        f"""steps: [{{name: a, type: say}}, {{name: b, type: say, value: "{{{{ {value} }}}}"}}]"""
    )
    done = migrated(
        f"""
        workflow:
          name: n
          steps:
          - {{name: s, type: say, value: 1}}
          - {{name: t, type: say, value: "{{{{ s }}}}"}}
          - name: u
            type: pipeline
            pipeline: {{{inner}}}
        """,
        open=True,
    )

    assert "name: n\n  strict: true\n" in done.after
    assert 'value: "{{ steps.s }}"' in done.after
    assert f"pipeline: {{{inner}}}" in done.after
    assert [(8, "warning")] == [(one.line, one.severity) for one in done.undecided]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("condition: both == 'x'", "condition: steps.both == 'x'"),
        ("value: '{{ both }}'", "value: '{{ state.both }}'"),
        ("type: switch, expression: both, cases: {}",
         "type: switch, expression: state.both, cases: {}"),
        ("condition: both == 'x', value: '{{ inputs.date }} {{ both }}'",
         "condition: steps.both == 'x', value: '{{ inputs.date }} {{ state.both }}'"),
    ],
)  # fmt: skip
def test_results_come_first_in_conditions(migrated: Migrate, before: str, after: str) -> None:
    """And variables in templates, where a document is not strict."""
    text = """
        workflow:
          name: n
          inputs: {{date: x}}
          variables: {{both: x}}
          steps:
          - {{name: both, type: say, value: y}}
          - {{name: t, {}}}
        """
    before = before if "type" in before else f"type: say, {before}"
    after = after if "type" in after else f"type: say, {after}"

    assert after in migrated(text.format(before)).after


@pytest.mark.parametrize("name", ["item", "run", "date"])
def test_names_that_are_found_elsewhere(migrated: Migrate, name: str) -> None:
    """What a loop brings, what is there anyway: looked for in another order."""
    done = migrated(
        f"""
        workflow:
          name: n
          steps:
          - {{name: {name}, type: say, value: x}}
          - name: e
            type: for_loop
            data_source: [1]
            steps: [{{name: t, type: say, condition: "{name} == 'x'", value: "{{{{ {name} }}}}"}}]
        """,
        open=True,
    )

    assert done.before == done.after
    assert () != done.undecided


def test_names_in_a_strict_document(migrated: Migrate) -> None:
    """Where a person has said `strict: true`, names are said in full: it does not pass else."""
    done = migrated(
        """
        workflow:
          strict: true
          steps:
          - {name: s, type: say, value: 1}
          - {name: t, type: say, value: "{{ s + 1 }}", condition: s > 0}
        """
    )

    assert 'value: "{{ steps.s + 1 }}", condition: steps.s > 0}' in done.after
    assert done.passed is False


@pytest.mark.parametrize("strict", [True, False])
def test_comments_in_templates(bench: Bench, strict: bool) -> None:
    """They are text where a document is not strict: a person decides whether it may go."""
    said = "  strict: true\n" if strict else ""
    step = '  - {name: s, type: say, value: "{{ 1 }} {# x #}"}'
    text = f"workflow:\n  name: n\n{said}  steps:\n{step}\n"
    done = migrate(text, "d.yaml", rules_of(bench.runtime))

    assert done.before == done.after
    assert [not strict] == [bool(done.undecided)]


def test_names_of_loops_and_templates_stay(migrated: Migrate) -> None:
    """What a loop brings hides steps and variables of the same name."""
    done = migrated(
        """
        workflow:
          name: n
          variables: {item: [1], x: 2}
          steps:
          - {name: one, type: say, value: "{{ item }}"}
          - name: each
            type: for_loop
            iterator: x
            data_source: "{{ item }}"
            steps:
            - {name: inner, type: say, value: "{{ x }} {{ item }} {{ loop.x }} {{ one }}"}
            - {name: last, type: say, value: "{% for one in inner %}{{ one }}{% endfor %}"}
          - {name: two, type: say, value: "{{ x }} {{ item }}"}
        """
    )

    assert 'value: "{{ x }} {{ state.item }} {{ loop.x }} {{ steps.one }}"' in done.after
    assert "{% for one in steps.inner %}{{ one }}{% endfor %}" in done.after
    assert 'name: two, type: say, value: "{{ state.x }} {{ state.item }}"' in done.after


def test_all_kinds_of_blocks(migrated: Migrate) -> None:
    """Conditions of loops, expressions of switches, cases, branches, outputs."""
    done = migrated(
        """
        workflow:
          name: n
          variables: {i: 0}
          steps:
          - {name: s, type: say, value: a}
          - name: w
            type: while_loop
            condition: i != 'aa'
            steps: [{name: up, type: set_variable, variables: {i: "{{ i }}a"}}]
          - name: c
            type: switch
            expression: s
            cases: {a: [{name: x, type: say, value: "{{ s }}"}]}
            default: [{name: y, type: say, value: "{{ i }}"}]
          - name: p
            type: parallel
            branches:
              one: [{name: x, type: say, value: "{{ s }}"}]
          outputs: {o: "{{ s }}"}
        """
    )

    for line in (
        "condition: state.i != 'aa'", 'i: "{{ state.i }}a"', "expression: steps.s\n",
        'cases: {a: [{name: x, type: say, value: "{{ steps.s }}"}]}', 'value: "{{ state.i }}"',
        'one: [{name: x, type: say, value: "{{ steps.s }}"}]', 'outputs: {o: "{{ steps.s }}"}',
    ):  # fmt: skip
        assert line in done.after


def test_a_pipeline_written_in_a_step(migrated: Migrate) -> None:
    """It has names of its own, and says of itself that it is strict."""
    done = migrated(
        """
        workflow:
          name: n
          steps:
          - {name: s, type: say, value: 1}
          - name: inner
            type: pipeline
            inputs: {x: "{{ s }}"}
            pipeline:
              name: child
              steps:
              - {name: s, type: say, value: 2}
              - {name: t, type: say, value: "{{ s }}"}
          - name: other
            type: pipeline
            pipeline: {workflow: {strict: true, steps: [{name: s, type: say}]}}
        """
    )

    assert 'inputs: {x: "{{ steps.s }}"}' in done.after
    assert "      name: child\n      strict: true\n      steps:" in done.after
    assert 2 == done.after.count("  strict: true\n")


def test_one_pipeline_that_cannot_be_strict(migrated: Migrate) -> None:
    """The others become strict all the same."""
    done = migrated(
        """
        workflow:
          name: n
          steps:
          - {name: s, type: say, value: 1}
          - name: inner
            type: pipeline
            pipeline:
              name: child
              steps:
              - {name: s, type: say, value: 2}
              - {name: t, type: set_variable, variables: {s: "{{ s }}"}}
        """,
        open=True,
    )

    assert "name: n\n  strict: true" in done.after
    assert 1 == done.after.count("strict: true")
    assert [(11, "bare-name")] == [(one.line, one.code) for one in done.undecided]


SHARED = """
    x-shared:
      text: &text "{{ s }}"
    workflow:
      name: n
      steps:
      - {name: s, type: say, value: 1}
      - &step {name: t, type: say, value: *text}
      - {<<: *step, name: u}
      - {name: v, type: say, value: *text}
    """


def test_a_change_at_an_anchor_is_one_at_each_alias(migrated: Migrate) -> None:
    """It is made where all of them mean the same."""
    done = migrated(SHARED)

    assert 'text: &text "{{ steps.s }}"' in done.after
    assert 1 == done.after.count("steps.s")


def test_an_anchor_that_means_two_things(migrated: Migrate) -> None:
    """It is left, and told with the place of the other."""
    done = migrated(
        SHARED
        + """
      - name: w
        type: for_loop
        data_source: [1]
        iterator: s
        steps: [{name: x, type: say, value: *text}]
    """,
        open=True,
    )

    assert 'text: &text "{{ s }}"' in done.after
    assert "strict: true" not in done.after
    assert [2] == [one.line for one in done.undecided]
    assert "is used by its anchor at" in done.undecided[0].message


def test_a_description_at_the_anchor_stays(migrated: Migrate) -> None:
    """A text that is no expression elsewhere is not changed behind its back."""
    text = SHARED.replace("name: v, type", "description: *text, name: v, type")

    assert 'text: &text "{{ s }}"' in migrated(text, open=True).after


def test_merged_keys_keep_their_owner(migrated: Migrate) -> None:
    """What a mapping says itself is changed there, also before the `<<`."""
    done = migrated(
        """
        x-base: &base
          value: "{{ s }}"
          type: say
        workflow:
          name: n
          steps:
          - {name: s, type: say, value: 1}
          - value: "{{ s }}!"
            <<: *base
            name: t
        """
    )

    assert '- value: "{{ steps.s }}!"' in done.after
    assert 'value: "{{ s }}"\n' in done.after


def test_data_that_looks_like_a_step_is_data(migrated: Migrate, bench: Bench) -> None:
    """Only steps are steps."""
    bench.runtime.steps.alias("speak", "say")
    text = """
        workflow:
          name: n
          strict: true
          variables: {v: {name: a, type: speak, variable: x, value: 1}}
          steps:
          - {name: a, type: speak, value: {name: a, type: speak, prompt: [{name: b}]}}
          - {name: "say", type: "speak"} # speak
          - {name: 'b', 'type': &t 'speak'}
        """
    done = migrated(text)
    lines = done.after.splitlines()

    assert lines[3] == "  variables: {v: {name: a, type: speak, variable: x, value: 1}}"
    value = "value: {name: a, type: speak, prompt: [{name: b}]}}"
    assert lines[5] == f"  - {{name: a, type: say, {value}"
    assert lines[6] == '  - {name: "say", type: "say"} # speak'
    assert lines[7] == "  - {name: 'b', 'type': &t 'say'}"
    assert [(n, "type speak → say") for n in (6, 7, 8)] == [(c.line, c.what) for c in done.changes]


def test_a_deprecated_type_becomes_what_is_named(migrated: Migrate, bench: Bench) -> None:
    """Where the step passes as that type; else a person is told."""
    bench.runtime.steps.register(bench.runtime.steps.get("say").__class__(
        "shout", bench.runtime.steps.get("say").params, bench.runtime.steps.get("say").run
    ))  # fmt: skip
    bench.runtime.steps.deprecate("shout", use="say")
    assert "type: say" in migrated("steps: [{name: a, type: shout, value: 1}]").after

    bench.runtime.steps.deprecate("shout", use="command")
    done = migrated("steps: [{name: a, type: shout, value: 1}]", open=True)
    assert "type: shout" in done.after
    assert "type shout → command: the document would not pass then" in done.undecided[0].message


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  variable: x\n  value: 1\n", "  variables:\n    x: 1\n"),
        ("  variable: x # c\n  # d\n\n  value: 1 # e\n",
         "  variables: # c\n  # d\n\n    x: 1 # e\n"),
        ("  variable: 'x y'\n  value: [a, b]\n", "  variables:\n    'x y': [a, b]\n"),
        ("  variable: x\n  value:\n    a: 1\n    # c\n    b: [\n    2]\n  description: d\n",
         "  variables:\n    x:\n      a: 1\n      # c\n      b: [\n      2]\n  description: d\n"),
        ("  variable: x\n  value:\n  - 1\n  - 2\n", "  variables:\n    x:\n    - 1\n    - 2\n"),
        ("  variable: x\n  value: |\n    a\n\n      b # c\n  # d\n  scope: global\n",
         "  variables:\n    x: |\n      a\n\n        b # c\n  # d\n  scope: global\n"),
        ("  variable: x\n  value: |2\n     a\n", "  variables:\n    x: |2\n       a\n"),
        ("  variable: x\n  value: \"{{ s }}\"\n", "  variables:\n    x: \"{{ steps.s }}\"\n"),
        ("  variable: x\n  value:\n", "  variables:\n    x:\n"),
        ("  variable: x\r\n  value: 1\r\n", "  variables:\r\n    x: 1\r\n"),
    ],
)  # fmt: skip
def test_variable_and_value(migrated: Migrate, before: str, after: str) -> None:
    """They become one mapping; lines below move to the right."""
    head = "name: n\nsteps:\n- {name: s, type: say}\n- name: t\n  type: set_variable\n"
    strict = head.replace("name: n\n", "name: n\nstrict: true\n")

    assert strict + after == migrated(head + before, exact=True).after


def test_variable_and_value_in_braces(migrated: Migrate) -> None:
    """They stay in one line."""
    head = "steps: [{name: t, type: set_variable, "
    text = head + "variable: x, value: {a: 1}, scope: global}]"

    done = migrated(text, exact=True)
    assert "variables: {x: {a: 1}}, scope: global}]" in done.after


@pytest.mark.parametrize(
    "keys",
    [
        "{variable: x, scope: global, value: 1}", "{value: 1, variable: x}",
        "{variable: '{{ inputs.x }}', value: 1}", "{variable: x,\n # c\n value: 1}",
    ],
)  # fmt: skip
def test_variable_and_value_that_are_left(migrated: Migrate, keys: str) -> None:
    """What cannot be moved without losing something is told."""
    done = migrated(f"steps: [{{name: t, type: set_variable, {keys[1:-1]}}}]", open=True)

    assert done.after.endswith(done.before)
    assert "undecided" in [one.code for one in done.undecided]


def test_parts_of_prompts(migrated: Migrate) -> None:
    """`name` says `step`, wherever a prompt is."""
    done = migrated(
        """
        workflow:
          name: n
          strict: true
          steps:
          - {name: a, type: claude, prompt: [{type: static, content: hi}]}
          - name: b
            type: claude
            prompt:
            - type: previous_response
              name: a # name
            - {"type": "previous_response", "name": "a"}
            - {type: previous_response, step: a}
            - {type: static, content: "{name: a}"}
          - name: c
            type: parallel_claude
            parallel_tasks:
            - {id: x, prompt: [{name: a, type: previous_response}]}
        """
    )

    assert "      step: a # name\n" in done.after
    assert '{"type": "previous_response", "step": "a"}' in done.after
    assert "{id: x, prompt: [{step: a, type: previous_response}]}" in done.after
    assert 3 == len(done.changes)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("s", '"{{ steps.s }}"'), ("'s'", "'{{ steps.s }}'"), ("v", '"{{ state.v }}"'),
        ("previous_response:s", '"{{ steps.s }}"'),
        ("previous_response:s:a:b", '"{{ steps.s.a.b }}"'),
        ("'previous_response:s:a.b'", "'{{ steps.s.a.b }}'"),
        ("previous_response:my-step:a", "\"{{ steps['my-step'].a }}\""),
        ("'previous_response:my-step'", "'{{ steps[\"my-step\"] }}'"),
        ("steps.s.a", '"{{ steps.s.a }}"'), ("s:a.b", '"{{ steps.s.a.b }}"'),
        ("s.a", '"{{ steps.s.a }}"'), ("v:a", '"{{ state.v.a }}"'),
        ("context:state.v", '"{{ state.v }}"'), ("context:results.s.a", '"{{ steps.s.a }}"'),
    ],
)  # fmt: skip
def test_sources_of_loops(migrated: Migrate, source: str, expected: str) -> None:
    """What names its data in words of its own becomes a template."""
    done = migrated(
        f"""
        workflow:
          name: n
          variables: {{v: [1]}}
          steps:
          - {{name: s, type: say, value: [1]}}
          - {{name: my-step, type: say, value: [1]}}
          - name: each
            type: for_loop
            iterator: x
            data_source: {source} # c
            steps:
            - name: inner
              type: for_loop
              data_source: x:y
              steps: [{{name: t, type: say}}]
        """
    )

    assert f"data_source: {expected} # c\n" in done.after
    assert 'data_source: "{{ x.y }}"\n' in done.after


@pytest.mark.parametrize(
    "source",
    [
        "loop", "state", "a b", "previous_response:s:a[0]", "previous_response:loop:x", "both",
        "both:x", "context:env.X", "dotted.name", "previous_response:dotted.name",
    ],
)  # fmt: skip
def test_sources_that_are_left(migrated: Migrate, source: str) -> None:
    """What cannot be told for sure goes on to be looked up by its name."""
    done = migrated(
        f"""
        workflow:
          name: n
          strict: true
          variables: {{both: [1]}}
          steps:
          - {{name: s, type: say, value: [1]}}
          - {{name: both, type: say, value: [1]}}
          - {{name: dotted, type: say}}
          - {{name: dotted.name, type: say, value: [1]}}
          - {{name: e, type: for_loop, data_source: "{source}", steps: [{{name: t, type: say}}]}}
        """,
        open=True,
    )

    assert done.before == done.after


def test_a_source_that_is_not_there(migrated: Migrate) -> None:
    """A name that nothing has is told: as a template it would not pass."""
    text = "steps: [{name: e, type: for_loop, data_source: no, steps: [{name: t, type: say}]}]"
    done = migrated(text, open=True)

    assert "data_source: no" in done.after
    assert "the document would not pass then: 'no' is not defined" in str(done.undecided)


RESULTS = """\
  steps:
  - {name: s, type: say, description: "{{previous_response:s}}"}
  - {name: my-s, type: say}
  - name: t
    type: say
    value: |
      {{previous_response:s}} and {{ previous_response:s:a.b }}
"""


@pytest.mark.parametrize("strict", ["", "  strict: true\n"])
def test_results_named_in_templates(migrated: Migrate, strict: str) -> None:
    """`{{previous_response:STEP:FIELD}}` is the step's result."""
    done = migrated(f"workflow:\n  name: n\n{strict}{RESULTS}", exact=True)

    assert "strict: true" in done.after
    assert "      {{steps.s}} and {{ steps.s.a.b }}\n" in done.after
    assert 'description: "{{previous_response:s}}"' in done.after


def test_results_of_steps_with_hyphens(migrated: Migrate) -> None:
    """They are named in quotes that the text can hold."""
    step = '  - {name: u, type: say, value: "{{previous_response:my-s:a}}"}\n'
    done = migrated(f"workflow:\n  name: n\n  strict: true\n{RESULTS}{step}", exact=True)

    assert "value: \"{{steps['my-s'].a}}\"" in done.after


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("s.k between 1 and 3", "say '1 <= s.k <= 3' if all are numbers"),
        ("s.k contains 'x'", "say ''x' in s.k' if that is a text or a list"),
        ("s.k matches '^x'", "there are no patterns"), ("s.k && s.l", "say 'and', 'or', 'not'"),
        ("!s.k", "say 'and', 'or', 'not'"), ("s.k ? true : false", "say 'B if A else C'"),
        ("s.k", "only true and false can be asked so"), ("s.k > 3", "compares true as 1"),
    ],
)  # fmt: skip
def test_older_conditions_are_undecided(migrated: Migrate, condition: str, said: str) -> None:
    """They do not mean quite the same in any data; a person is told what might be meant."""
    text = f'steps:\n- {{name: s, type: say}}\n- {{name: t, type: say, condition: "{condition}"}}\n'
    done = migrated(text, open=True, exact=True)

    assert done.before == done.after
    assert [3] == [one.line for one in done.undecided]
    assert said in done.undecided[0].message


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("[s.a == 1, s.b]", "say '(s.a == 1) and (s.b)'"),
        ("{or: [s.a, {not: [s.b, s.c]}]}", "say '(s.a) or (not ((s.b) and (s.c)))'"),
        ("{and: []}", "join its parts"),
    ],
)  # fmt: skip
def test_conditions_that_are_data(migrated: Migrate, condition: str, said: str) -> None:
    """Lists, `and`, `or` and `not` as keys: told as one expression."""
    text = f"steps: [{{name: s, type: say}}, {{name: t, type: say, condition: {condition}}}]"

    assert said in str(migrated(text, open=True).undecided)


def test_what_does_not_pass_is_left_alone(migrated: Migrate) -> None:
    """Its errors are those that rewriting does not mend, at their places in the file."""
    text = """
        workflow:
          name: n
          steps:
          - {name: a, type: set_variable, variable: x, value: 1, wrong: 2}
          - {name: b, type: say, value: "{{ nobody }}"}
        """
    done = migrated(text, open=True)

    assert done.before == done.after
    assert () == done.changes
    said = [(one.line, one.column, one.code) for one in done.errors]
    assert [(4, 58, "unknown-key")] == said
    assert [(5, 37, "unknown-name")] == [(w.line, w.column, w.code) for w in done.warnings]


def test_what_is_no_document(migrated: Migrate) -> None:
    """It is an error with its place."""
    for text in ("a: [", "- 1", "workflow: 1", ""):
        with pytest.raises(InvalidDocument):
            migrated(text)


def test_a_long_document(migrated: Migrate) -> None:
    """Hundreds of places are changed at once, not one after the other."""
    rows = [f"- {{name: s{n}, type: say, value: '{{{{ s{n - 1} }}}}'}}" for n in range(1, 600)]
    text = "name: n\nsteps:\n- {name: s0, type: say}\n" + "\n".join(rows) + "\n"
    done = migrated(text, exact=True)

    assert 600 == len(done.changes)
    assert 599 == done.after.count("{{ steps.s")
    last = done.changes[-1]
    assert (602, "s598 → steps.s598") == (last.line, last.what)


def test_the_diff(migrated: Migrate) -> None:
    """As `diff` prints it, also without a line end at the end."""
    done = migrated("name: n\nsteps:\n- {name: a, type: say}", exact=True)

    assert (
        "@@ -1,3 +1,4 @@\n name: n\n+strict: true\n steps:\n - {name: a, type: say}"
        "\n\\ No newline at end of file\n"
    ) == done.diff.split("\n", 2)[2]
    assert read_document(done.after).data["strict"] is True
