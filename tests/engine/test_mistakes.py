"""The likely mistakes: each has one message, which `docs/mistakes.md` shows as it is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from conftest import Bench, Genesis

from otp_genesis.errors import InvalidDocument, UsageError

GOLDEN = Path(__file__).parent / "golden" / "check" / "mistakes"
PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"
CASES = sorted(path.stem for path in GOLDEN.glob("*.txt"))
GOOD = "workflow:\n  name: tést\n  steps:\n    - {name: a, type: command, command: ls}\n"
BYTES = {
    "utf16.yaml": (GOOD.encode("utf-16"), ":1: not UTF-8 text; save the file as UTF-8"),
    "latin1.yaml": (GOOD.encode("latin-1"), ":2: not UTF-8 text; save the file as UTF-8"),
    "large.yaml": (
        b"#" * (10 * 1024 * 1024 + 1),
        ": larger than 10 MiB; no pipeline is: keep data in other files",
    ),
    "nul.yaml": (
        GOOD.replace("ls", "l\0s").encode(),
        ":4:42: error[yaml]: unacceptable character #x0000; is this a text file, saved as UTF-8?",
    ),
    "deep.yaml": (
        b"workflow: {name: t, steps: " + b"[" * 300 + b"]" * 300 + b"}",
        ":1:227: error[too-deep]: more than 200 levels deep",
    ),
    "deeper.yaml": (
        b"workflow: {name: t, steps: " + b"[" * 30_000 + b"]" * 30_000 + b"}",
        ":1:426: error[too-deep]: more than 200 levels deep",
    ),
    "list.yaml": (
        b"- name: a\n",
        ":1:1: error[shape]: a pipeline is a mapping with the key 'workflow'",
    ),
    "empty.yaml": (b"", ":1:1: error[shape]: a pipeline is a mapping with the key 'workflow'"),
    "flow.exs": (
        b'import Config\n%{workflow: %{name: "t"}}\n',
        ": a '.exs' file; a pipeline is written in YAML or JSON (read as such, line 2 is wrong: "
        "a ':' that no key stands before; put the text around it in quotes)",
    ),
}


def said(bench: Bench, path: Path) -> str:
    """Return what `genesis check` prints of a document on stderr, the folder taken away."""
    try:
        program = bench.runtime.check(bench.runtime.load(path))
        text = "\n".join(map(str, program.warnings))
    except (InvalidDocument, UsageError) as error:
        text = str(error)
    return f"{text}\n".replace(f"{path.parent}/", "")


def messages(text: str) -> list[str]:
    """Return the messages in a check's output, without file and place."""
    return re.findall(r"^\S+:\d+:\d+: (?:error|warning)\[[\w-]+\]: (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", CASES)
def test_one_mistake_is_one_message(name: str, bench: Bench) -> None:
    """It says what is wrong and what to do, at the place, and nothing follows from it."""
    folder = shutil.copytree(GOLDEN, bench.folder / "docs")
    actual = said(bench, folder / f"{name}.yaml")

    assert actual == (GOLDEN / f"{name}.txt").read_text()
    assert len(messages(actual)) == 1


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("steps.a = 1", "expected token 'end of print statement', got '='; '==' compares"),
        ("steps.a == 'x", 'unexpected char "\'" at 13; a text is not closed: its quote is missing'),
    ],
)
def test_strict_conditions_say_what_to_do(condition: str, expected: str, bench: Bench) -> None:
    """The other language's parser is no excuse for a message without a remedy."""
    command = f'{{name: b, type: command, command: ls, condition: "{condition}"}}'
    steps = f"[{{name: a, type: command, command: ls}}, {command}]"
    found = bench.complaints(f"workflow: {{name: t, strict: true, steps: {steps}}}")

    assert [one.split("]: ")[1] for one in found] == [expected]


@pytest.mark.parametrize("name", sorted(BYTES))
def test_files_that_are_no_text_of_a_pipeline(name: str, bench: Bench) -> None:
    """What cannot be kept as a text beside the test is told as plainly."""
    data, expected = BYTES[name]
    path = bench.folder / name
    path.write_bytes(data)

    assert said(bench, path).splitlines()[0] == f"{name}{expected}"


@pytest.mark.parametrize(
    "data",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n").encode(),
        f"---\n{GOOD}...\n".encode(),
        b'{"workflow": {"steps": [{"name": "a", "type": "command", "command": "ls"}]}}',
        b"x-all: &all {type: command}\nworkflow:\n  steps:\n"
        b"    - {<<: *all, name: on, command: ls}\n    - {<<: *all, name: no, command: ls}\n",
    ],
    ids=["bom", "crlf", "marks", "json", "merge and words"],
)
def test_what_is_no_mistake(data: bytes, bench: Bench) -> None:
    """These pass without a word."""
    path = bench.folder / "p.yaml"
    path.write_bytes(data)

    assert said(bench, path) == "\n"


def test_a_folder_is_no_pipeline(bench: Bench) -> None:
    """It is named by its path."""
    assert said(bench, bench.folder).endswith(": Is a directory\n")


def test_the_command_says_it(genesis: Genesis) -> None:
    """`genesis check` ends with 2 and prints each message; no mistake is a traceback."""
    shutil.copytree(GOLDEN, genesis.folder, dirs_exist_ok=True)
    done = genesis("check", *(f"{name}.yaml" for name in CASES))

    assert done.returncode == 2
    assert done.stderr == "".join((GOLDEN / f"{name}.txt").read_text() for name in CASES)


@pytest.mark.parametrize("name", ["key_step", "tab", "bomb"])
def test_a_run_says_it_before_it_begins(name: str, genesis: Genesis) -> None:
    """`genesis run` refuses the document with the same words and the same exit code."""
    shutil.copytree(GOLDEN, genesis.folder, dirs_exist_ok=True)
    done = genesis("run", f"{name}.yaml")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (GOLDEN / f"{name}.txt").read_text()


def test_the_page_shows_every_message() -> None:
    """The page has one row for each mistake, with the message as it is printed."""
    rows = re.findall(r"^\| .+? \| `(.+)` \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    golden = [messages((GOLDEN / f"{name}.txt").read_text())[0] for name in CASES]

    assert sorted(rows) == sorted(golden)
