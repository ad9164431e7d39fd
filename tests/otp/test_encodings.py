"""Files as they really lie about: odd bytes, odd names, odd sizes, links; none stops a scan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.command import Genesis

from otp_genesis.otp.project import Project
from otp_genesis.otp.projects import Projects
from otp_genesis.otp.rules import all_rules
from otp_genesis.otp.scan import Report, scan
from otp_genesis.otp.sweep import sweep
from otp_genesis.otp.vocabulary import vocabulary_of

RULES = all_rules()
VOCABULARY = vocabulary_of(RULES)
GO = "defmodule M do\n  def go(f) do\n    spawn(f)\n    :ok\n  end\nend\n"
FLAW = ("OTP001", 3, 5, 3, 13)
NO_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Takes from root that it may read what nobody may."""


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


def project(tmp_path: Path, **files: bytes) -> Path:
    """Return a project of these files of `lib`."""
    root = tmp_path / "odd"
    (root / "lib").mkdir(parents=True)
    (root / "mix.exs").write_text("# none\n")
    for name, data in files.items():
        (root / "lib" / f"{name}.ex").write_bytes(data)
    return root


def swept(root: Path) -> Report:
    """Return what is found, which must be the same in every way to scan."""
    _, alone = sweep(root, RULES, VOCABULARY)
    _, together = sweep(root, RULES, VOCABULARY, jobs=2)
    cache = root.parent / "cache"
    kept = [sweep(root, RULES, VOCABULARY, cache=cache)[1] for _ in range(2)]
    whole = scan(Project.read(root, vocabulary=VOCABULARY), RULES)

    for other in (together, *kept):
        assert (alone.findings, alone.unparsed) == (other.findings, other.unparsed)
    assert alone.findings == whole.findings
    assert [lost.file for lost in alone.unparsed] == [lost.file for lost in whole.unparsed]
    return alone


def places(report: Report) -> list[tuple[str, int, int, int, int]]:
    """Return what is found, and where."""
    return [(f.rule, f.line, f.column, f.end_line, f.end_column) for f in report.findings]


def document(genesis: Genesis, root: Path, *options: str) -> dict[str, Any]:
    """Return the JSON of the command, by one process, by two and from the cache the same."""
    told = []
    for more in (["--no-cache"], ["--no-cache", "--jobs", "2"], [], []):
        done = genesis("otp", "scan", root, "--format", "json", *more, *options)
        assert (0, "") == (done.returncode, done.stderr)
        report = json.loads(done.stdout)
        told.append({name: report[name] for name in ("files", "lines", "findings", "unparsed")})
    assert all(told[0] == one for one in told)
    return told[0]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GO.encode(),
        GO.replace("\n", "\r\n").encode(),
        GO.replace("spawn(f)\n", "spawn(f) # \x0c \u2028 \x85 größe\n").encode(),
        GO.replace(":ok", '"' + "a" * 1_000_000 + '"').encode(),
        GO.replace(":ok", "(" * 100_000 + "1" + ")" * 100_000).encode(),
        GO.replace(":ok", "[" * 20_000 + "1" + "]" * 20_000).encode(),
        GO.replace(":ok", "if a do " * 5_000 + "1" + " end" * 5_000).encode(),
        GO.replace(":ok", "a" + " |> f()" * 20_000).encode(),
    ],
    ids=["bom", "crlf", "line-ends", "long-line", "parentheses", "lists", "ifs", "pipes"],
)
def test_what_elixir_reads(tmp_path: Path, data: bytes) -> None:
    """A flaw is found where it stands, whatever else the file holds."""
    report = swept(project(tmp_path, a=data))

    assert [FLAW] == places(report)
    assert () == report.unparsed


def test_a_mark_before_the_first_line(tmp_path: Path) -> None:
    """A byte order mark takes no column; a file of nothing else is empty."""
    mark = b"\xef\xbb\xbf"
    report = swept(project(tmp_path, a=mark + b"spawn(fn -> 1 end)\n", b=mark, c=b"", d=b"\n\n"))

    assert [("OTP001", 1, 1, 1, 19)] == places(report)
    assert () == report.unparsed


def test_a_generated_file(tmp_path: Path) -> None:
    """What a tool wrote runs as well, and is scanned like the rest."""
    report = swept(project(tmp_path, a=b"# generated, do not edit\n" + GO.encode()))

    assert [("OTP001", 4, 5, 4, 13)] == places(report)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (GO.encode("utf-16"), "not UTF-8: byte 0 "),
        (GO.encode("utf-16-le"), "syntax error near line 1"),
        (GO.replace(":ok", '"\xe9"').encode("latin-1"), "not UTF-8: byte 48 "),
        (GO.replace(":ok", "\0").encode(), "syntax error near line 4"),
        (GO.replace("\n", "\r").encode(), "syntax error near line 1"),
        (GO.replace(":ok", "(" * 100_000).encode(), "syntax error near line 1"),
    ],
    ids=["utf-16", "utf-16-le", "latin-1", "nul", "cr", "open"],
)
def test_what_elixir_does_not_read(tmp_path: Path, data: bytes, reason: str) -> None:
    """A file that is no Elixir is told, with the place; the others are scanned."""
    report = swept(project(tmp_path, a=data, b=GO.encode()))
    (lost,) = report.unparsed

    assert [FLAW] == places(report)
    assert "lib/a.ex" == lost.file
    assert lost.reason.startswith(reason)


@pytest.mark.skipif(shutil.which("elixir") is None, reason="needs Elixir")
def test_elixir_is_asked_of_each_file(tmp_path: Path) -> None:
    """A file that is no text does not keep Elixir from those after it."""
    _, report = sweep(project(tmp_path, a=b"\xff", b=b"def ("), RULES, VOCABULARY)

    assert ["Elixir says" in lost.reason for lost in report.unparsed] == [False, True]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (
            b"defmodule M do\n  @x [\n" + b'    {:a, "text", %{b: 1}},\n' * 380_000 + b"  ]\nend\n",
            4,
        ),
        (b"# spawn(f) quote GenServer.call(a, b)\n" * 265_000, 0),
    ],
    ids=["data", "comments"],
)
def test_ten_megabytes(tmp_path: Path, data: bytes, lines: int) -> None:
    """A huge file is read in one go."""
    assert len(data) > 10_000_000
    _, report = sweep(project(tmp_path, a=data), RULES, VOCABULARY)

    assert ((), ()) == (report.findings, report.unparsed)
    assert data.count(b"\n") + 1 == report.lines


def test_as_many_modules_as_lines(tmp_path: Path) -> None:
    """Thousands of modules side by side or in each other, and of statements in a row."""
    beside = "".join(GO.replace("M do", f"M{at} do") for at in range(4000))
    within = "defmodule A do\n" * 1500 + "end\n" * 1500
    row = GO.replace(":ok", "spawn(f)\n" * 4000 + ":ok")
    files = {"a": beside.encode(), "b": within.encode(), "c": row.encode()}
    _, report = sweep(project(tmp_path, **files), RULES, VOCABULARY)

    assert 8001 == len(report.findings)
    assert {"OTP001"} == {finding.rule for finding in report.findings}
    assert () == report.unparsed


def test_a_huge_broken_file(tmp_path: Path) -> None:
    """What is broken is looked for only so long; Elixir's blocks by the thousand end as well."""
    open_blocks = b"defmodule M do\n" + b"  def a do\n" * 5000
    broken = b"defmodule M do\n" + b"  def a do\n    {{}\n  end\n" * 5000 + b"end\n"
    _, report = sweep(project(tmp_path, a=open_blocks, b=broken), RULES, VOCABULARY)

    assert ["lib/a.ex", "lib/b.ex"] == [lost.file for lost in report.unparsed]


def test_links(tmp_path: Path, genesis: Genesis) -> None:
    """A link to a file is read, one to a folder is not; one that leads nowhere is told."""
    root = project(tmp_path, a=GO.encode())
    lib = root / "lib"
    (lib / "link.ex").symlink_to("a.ex")
    (lib / "gone.ex").symlink_to("nowhere.ex")
    (lib / "round.ex").symlink_to("round.ex")
    (lib / "loop").symlink_to(".")
    (lib / "folder.ex").symlink_to("../lib")
    (lib / ".#a.ex").symlink_to("ada@host.1")
    swept(root)
    told = document(genesis, root)

    assert ["lib/a.ex", "lib/link.ex"] == [one["file"] for one in told["findings"]]
    assert 5 == told["files"]
    assert [
        ("lib/gone.ex", "cannot be read: No such file or directory"),
        ("lib/round.ex", "cannot be read: Too many levels of symbolic links"),
    ] == [(one["file"], one["reason"]) for one in told["unparsed"]]


def test_a_lost_file_stays_lost(tmp_path: Path) -> None:
    """A project that is read again tells again what cannot be read, and reads what has come."""
    root = project(tmp_path, a=GO.encode())
    (root / "lib" / "gone.ex").symlink_to("nowhere.ex")
    projects = Projects()
    first, second = projects.read(root), projects.read(root)
    (root / "lib" / "nowhere.ex").write_text(GO)
    third = projects.read(root)

    assert ["lib/gone.ex"] == [lost.file for lost in first.unparsed]
    assert first.unparsed == second.unparsed
    assert () == third.unparsed
    assert {"lib/a.ex", "lib/gone.ex", "lib/nowhere.ex", "mix.exs"} == third.files.keys()


def test_folders_and_pipes(tmp_path: Path) -> None:
    """A folder may be called like a file, and lie deep; what is neither is left alone."""
    root = project(tmp_path)
    deep = root.joinpath("lib", "x.ex", *["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "a.ex").write_text(GO)
    os.mkfifo(root / "lib" / "pipe.ex")
    report = swept(root)

    assert [FLAW] == places(report)
    assert () == report.unparsed


def test_names(tmp_path: Path, genesis: Genesis) -> None:
    """Names may hold anything; one that is no text is told, as it cannot be."""
    names = ["new\nline", "esc\x1b[2J", "a b%20#?&", "größe", "ünï\u202ecode"]
    root = project(tmp_path, **dict.fromkeys(names, GO.encode()))
    Path(os.fsdecode(os.fsencode(root) + b"/lib/bad\xff.ex")).write_text(GO)
    swept(root)
    told = document(genesis, root)
    text = genesis("otp", "scan", root)
    page = genesis("otp", "scan", root, "--format", "html")

    assert sorted(f"lib/{name}.ex" for name in names) == [f["file"] for f in told["findings"]]
    (lost,) = told["unparsed"]
    assert {"file": "lib/bad\\xff.ex", "reason": "its name is not UTF-8"} == lost
    assert (0, 0) == (text.returncode, page.returncode)
    assert not {"\x1b", "\u202e"} & set(text.stdout)
    assert "lib/new␊line.ex:3:5: critical OTP001" in text.stdout


def test_lines_as_findings_count_them(tmp_path: Path, genesis: Genesis) -> None:
    """Shown is the line that is meant, harmless, with the marks under what is flagged."""
    odd = '    x = "\x0c\u2028\x85\x1b[31m"\n    _ = "数"; spawn(f)'
    root = project(tmp_path, a=("\ufeff" + GO.replace("    spawn(f)", odd)).encode())
    lines = genesis("otp", "scan", root, "--only", "OTP001").stdout.splitlines()
    page = genesis("otp", "scan", root, "--only", "OTP001", "--format", "html").stdout

    assert lines[0].startswith("lib/a.ex:4:14: critical OTP001")
    assert ['        _ = "数"; spawn(f)', f"{' ' * 18}^^^^^^^^"] == lines[1:3]
    assert '<span class="here">    4      _ = &#34;数&#34;; spawn(f)' in page


def test_a_long_line_is_shown_in_part(tmp_path: Path, genesis: Genesis) -> None:
    """Of a line without an end the flagged part is shown."""
    text = GO.replace("    spawn(f)", f'    _ = "{"a" * 50_000}"; spawn(f)')
    lines = genesis("otp", "scan", project(tmp_path, a=text.encode())).stdout.splitlines()
    start = lines[2].index("^")

    assert max(map(len, lines)) < 500
    assert "spawn(f)" == lines[1][start : start + lines[2].count("^")]


@pytest.mark.parametrize("output", ["text", "json", "sarif", "html"])
def test_a_terminal_that_knows_few_letters(tmp_path: Path, genesis: Genesis, output: str) -> None:
    """Text is written as far as it goes; documents are UTF-8 all the same."""
    root = project(tmp_path, größe=GO.replace("spawn(f)", "spawn(f) # größe").encode())
    argv = genesis.argv("otp", "scan", root, "--format", output)
    env = genesis.environment({"PYTHONIOENCODING": "ascii"})
    done = subprocess.run(argv, env=env, capture_output=True, check=False, timeout=60)

    assert (0, b"") == (done.returncode, done.stderr)
    assert output in ("json", "html") or done.stdout.isascii()
    assert output == "sarif" or ("größe".encode() in done.stdout) is (output != "text")


def test_what_may_not_be_read(tmp_path: Path, genesis: Genesis) -> None:
    """A file and a folder that the user may not open are told."""
    root = project(tmp_path, a=GO.encode(), secret=GO.encode())
    (root / "lib" / "locked").mkdir()
    for name in ("secret.ex", "locked"):
        (root / "lib" / name).chmod(0)
    argv = genesis.argv("otp", "scan", root, "--format", "json")
    if os.access(root / "lib" / "secret.ex", os.R_OK):
        if subprocess.run([*NO_OVERRIDE, "true"], check=False, capture_output=True).returncode:
            pytest.skip("root reads all")
        argv = [*NO_OVERRIDE, *argv]
    done = subprocess.run(
        argv, env=genesis.environment(), capture_output=True, check=False, timeout=60
    )
    told = json.loads(done.stdout)

    assert (0, b"") == (done.returncode, done.stderr)
    assert ["lib/a.ex"] == [one["file"] for one in told["findings"]]
    assert [
        {"file": "lib/locked", "reason": "cannot be read: Permission denied"},
        {"file": "lib/secret.ex", "reason": "cannot be read: Permission denied"},
    ] == told["unparsed"]
