"""Files in the jail of the workspace, and programs in its sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Bench


def workspace(bench: Bench) -> Path:
    made = bench.folder / "ws"
    made.mkdir(exist_ok=True)
    return made


def test_files(bench: Bench) -> None:
    """Written, edited, read and searched, in order."""
    result = bench.results(
        """
        - {name: w, type: write_file, path: a/ä b.txt, content: "one\\ntwo ä\\n"}
        - {name: e, type: edit_file, path: a/ä b.txt, old: one, new: "1"}
        - {name: r, type: read_file, path: a/ä b.txt}
        - {name: s, type: search, pattern: "t.o", glob: "a/*"}
        """
    )

    assert result["w"] == {"path": "a/ä b.txt", "bytes": 11}
    assert result["e"] == {"path": "a/ä b.txt", "replaced": 1}
    assert result["r"] == {"path": "a/ä b.txt", "content": "1\ntwo ä\n"}
    assert result["s"] == {
        "matches": [{"path": "a/ä b.txt", "line": 2, "column": 1, "text": "two ä"}], "count": 1,
    }  # fmt: skip
    assert (workspace(bench) / "a/ä b.txt").read_text() == "1\ntwo ä\n"


@pytest.mark.parametrize(
    "path", ["../out.txt", "/etc/passwd", "a/../../b", ".git/config", "link/x"]
)
@pytest.mark.parametrize("kind", ["read_file", "write_file", "edit_file"])
def test_paths_stay_in_the_jail(bench: Bench, kind: str, path: str) -> None:
    """A path that leaves the workspace fails the step, and nothing is written."""
    (workspace(bench) / "link").symlink_to("/tmp")
    extra = {"read_file": "", "write_file": ", content: x", "edit_file": ", old: a, new: b"}[kind]

    assert "is outside the project: " in bench.failure(
        f"- {{name: f, type: {kind}, path: {path}{extra}}}"
    )


def test_a_path_from_a_template_stays_too(bench: Bench) -> None:
    """What an input says is no more trusted."""
    text = "- {name: r, type: read_file, path: '{{ inputs.prompt }}'}"

    assert "it holds '..'" in bench.failure(text, {"prompt": "../x"})


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("type: read_file, path: nothing.txt", "nothing.txt: there is no such file"),
        ("type: edit_file, path: a.txt, old: x, new: y", "'x' occurs 0 times, not 1"),
        ("type: edit_file, path: a.txt, old: a, new: y, count: 2", "'a' occurs 3 times, not 2"),
        ("type: search, pattern: '('", "is no regular expression"),
        ("type: read_file, path: bytes", "is no UTF-8 text"),
        ("type: write_file, path: folder, content: x", "folder: is a folder"),
        ("type: write_file, path: '{{ 5 }}', content: x", "path: Input should be a valid string"),
    ],
)
def test_what_files_say(bench: Bench, step: str, said: str) -> None:
    """Each failure says which file, and what is wrong with it."""
    (workspace(bench) / "a.txt").write_text("aaa")
    (workspace(bench) / "bytes").write_bytes(b"\xff\xfe")
    (workspace(bench) / "folder").mkdir()

    assert said in bench.failure(f"- {{name: f, {step}}}")


def test_a_command(bench: Bench) -> None:
    """A command runs in the workspace; its result holds what it said."""
    result = bench.results(
        """
        - {name: w, type: write_file, path: a.txt, content: hello}
        - {name: c, type: command, command: [sh, -c, "cat a.txt; echo err >&2; pwd"]}
        - {name: d, type: command, command: "cat 'a.txt'"}
        - {name: e, type: command, command: [sh, -c, "echo $WORD"], env: {WORD: "{{ 'x' }}y"}}
        """
    )

    assert result["c"]["stdout"] == f"hello{bench.folder}/ws\n"
    assert (result["c"]["stderr"], result["c"]["exit_code"]) == ("err\n", 0)
    assert result["d"]["argv"] == ["cat", "a.txt"]
    assert result["e"]["stdout"] == "xy\n"


def test_no_shell_is_between(bench: Bench) -> None:
    """A value with quotes and semicolons is one argument."""
    text = "- {name: c, type: command, command: [echo, '{{ inputs.prompt }}']}"
    result = bench.results(text, {"prompt": '\'; touch evil; "$(id)"'})

    assert result["c"]["stdout"] == '\'; touch evil; "$(id)"\n'


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("command: [sh, -c, 'echo why >&2; exit 3']", "sh gave exit 3; it said: why"),
        ("command: 'true', expect: [1, 2]", "true gave exit 0"),
        ("command: sleep 60, limit_s: 0.2", "sleep was ended: timeout"),
    ],
)
def test_a_command_that_fails(bench: Bench, step: str, said: str) -> None:
    """How it ended, and what it said last."""
    assert bench.failure(f"- {{name: c, type: command, {step}}}").endswith(said)


def test_expected_exit_codes(bench: Bench) -> None:
    """A command may be expected to give what else is a failure."""
    result = bench.results("- {name: c, type: command, command: [sh, -c, exit 3], expect: [0, 3]}")

    assert result["c"]["exit_code"] == 3


def test_long_output_is_cut(bench: Bench) -> None:
    """Of long output head and tail are kept."""
    result = bench.results(
        "- {name: c, type: command, command: [seq, '100000'], output_bytes: 1000}"
    )["c"]

    assert result["truncated"] is True
    assert len(result["stdout"]) < 1200
    assert result["stdout"].startswith("1\n2\n")
    assert result["stdout"].endswith("100000\n")


def test_what_a_failed_step_wrote_is_gone_for_the_next(bench: Bench) -> None:
    """A step begins with the files that the last good step left."""
    result = bench.results(
        """
        - {name: w, type: write_file, path: a.txt, content: good}
        - name: c
          type: command
          command: [sh, -c, "echo bad > a.txt; exit 1"]
          on_error: continue
        - {name: r, type: read_file, path: a.txt}
        """
    )

    assert result["c"]["success"] is False
    assert result["r"]["content"] == "good"


def test_the_secrets_of_the_environment_stay_out(bench: Bench) -> None:
    """A command sees no key that happens to be in the environment."""
    result = bench.results("- {name: c, type: command, command: env}")

    assert "GENESIS_HOME" not in result["c"]["stdout"]
    assert "PATH=" in result["c"]["stdout"]
