"""`genesis otp scan`, `rules` and `explain`, as a user or a CI calls them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from support.command import Genesis, git
from support.elixir import BASE, JOBS, THREE_FLAWS, WORDS, repository, write

from otp_genesis.otp.rules import all_rules

SCHEMA = Path(__file__).with_name("sarif-2.1.0-required.json")
FILES = {
    **THREE_FLAWS,
    "lib/tiny/größe <b>.ex": WORDS.replace("Words", "Size").replace(
        "to_atom(text)", 'to_atom(text) # "<script>"'
    ),
    "lib/tiny/half.ex": "defmodule Tiny.Half do\n",
}

LOST = "syntax error near line 2"


@pytest.fixture
def genesis(tmp_path: Path) -> Genesis:
    """The command."""
    return Genesis(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with four flaws, one of them in a file with an odd name, and a broken file."""
    return write(tmp_path / "tiny", FILES)


def scanned(genesis: Genesis, project: Path, *options: str) -> dict[str, Any]:
    """Return the JSON of a scan."""
    done = genesis("otp", "scan", project, "--format", "json", *options)
    assert (0, "") == (done.returncode, done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_text(genesis: Genesis, project: Path) -> None:
    """A line a finding, the code with a mark under it, what was not read, and the counts."""
    done = genesis("otp", "scan", project)
    lines = done.stdout.splitlines()

    assert (0, "") == (done.returncode, done.stderr)
    assert any(line.startswith("lib/tiny/jobs.ex:5:5: critical OTP001 un") for line in lines)
    code = lines.index("        spawn(fn -> job.() end)")
    assert "        ^^^^^^^^^^^^^^^^^^^^^^^" == lines[code + 1]
    # Where Elixir is installed, what it says follows.
    assert any(line.startswith(f"lib/tiny/half.ex: not read: {LOST}") for line in lines)
    assert re.fullmatch(
        r"4 findings \(1 critical, 3 medium\) in \d+ files, \d+ lines, \d\.\d\d s", lines[-1]
    )
    assert "\x1b" not in done.stdout


def test_json(genesis: Genesis, project: Path) -> None:
    """One JSON document of the promised shape, the findings by file and line."""
    result = scanned(genesis, project)
    places = [(one["file"], one["line"]) for one in result["findings"]]

    assert {
        "version", "files", "lines", "elapsed_s", "cached", "findings", "unparsed",
    } == result.keys()  # fmt: skip
    assert 1 == result["version"]
    (lost,) = result["unparsed"]
    assert ("lib/tiny/half.ex", LOST) == (lost["file"], lost["reason"].partition(";")[0])
    assert sorted(places) == places
    for one in result["findings"]:
        assert {
            "rule", "name", "severity", "stage", "file", "line", "column", "end_line",
            "end_column", "module", "function", "message", "evidence", "fix", "fingerprint",
        } == one.keys()  # fmt: skip


def test_sarif(genesis: Genesis, project: Path) -> None:
    """SARIF has what the standard requires, and says the same as the JSON."""
    done = genesis("otp", "scan", project, "--format", "sarif")
    log = json.loads(done.stdout)
    jsonschema.validate(log, json.loads(SCHEMA.read_text()))
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    findings = scanned(genesis, project)["findings"]

    assert [rule.code for rule in all_rules()] == [rule["id"] for rule in driver["rules"]]
    assert len(findings) == len(run["results"])
    for finding, result in zip(findings, run["results"], strict=True):
        place = result["locations"][0]["physicalLocation"]
        assert finding["rule"] == result["ruleId"]
        assert finding["rule"] == driver["rules"][result["ruleIndex"]]["id"]
        assert finding["message"] == result["message"]["text"]
        assert finding["file"] == unquote(place["artifactLocation"]["uri"])
        assert (finding["line"], finding["end_column"]) == (
            place["region"]["startLine"],
            place["region"]["endColumn"],
        )
    (invocation,) = run["invocations"]
    (note,) = invocation["toolExecutionNotifications"]
    assert f"not read: {LOST}" == note["message"]["text"].partition(";")[0]


def test_sarif_of_an_umbrella(genesis: Genesis, tmp_path: Path) -> None:
    """Places are relative to the scanned folder, encoded, and count from 1; ids stay apart."""
    app = {f"apps/web/{path}": text for path, text in THREE_FLAWS.items()}
    odd = {f"apps/web/lib/{name}.ex": WORDS for name in ("a b", "c:d#e?f", "50%", "new\nline")}
    project = write(tmp_path / "umbrella", {"mix.exs": "# none\n", **app, **odd})
    log = json.loads(genesis("otp", "scan", project, "--format", "sarif").stdout)
    jsonschema.validate(log, json.loads(SCHEMA.read_text()))
    (run,) = log["runs"]
    findings = scanned(genesis, project)["findings"]
    results = run["results"]
    uris = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results]
    by_file: dict[str, set[str]] = {}
    for uri, result in zip(uris, results, strict=True):
        by_file.setdefault(uri, set()).add(result["partialFingerprints"]["otpGenesis/v1"])

    assert [one["file"] for one in findings] == [*map(unquote, uris)]
    assert {"apps/web/lib/c%3Ad%23e%3Ff.ex", "apps/web/lib/new%0Aline.ex"} < {*uris}
    assert not any(uri.startswith(("/", ".")) for uri in uris)
    assert len(results) == sum(map(len, by_file.values()))
    assert {"SRCROOT"} == run["originalUriBaseIds"].keys()
    assert {"error", "warning", "recommendation"} >= {
        rule["properties"]["problem.severity"] for rule in run["tool"]["driver"]["rules"]
    }


def on_a_terminal(genesis: Genesis, project: Path, **variables: str | None) -> str:
    """Return what a scan writes to a terminal."""
    ours, theirs = pty.openpty()
    argv = genesis.argv("otp", "scan", project, "--only", "OTP001")
    env = genesis.environment({"TERM": "xterm", "FORCE_COLOR": None, **variables})
    with subprocess.Popen(argv, env=env, stdout=theirs, stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                more = os.read(ours, 65_536)
            except OSError:  # Linux says so at the end.
                break
            if not more:
                break
            seen += more
        assert 0 == process.wait(timeout=60)
    os.close(ours)
    return seen.decode()


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colours_of_a_terminal(
    genesis: Genesis, project: Path, variables: dict[str, str], coloured: bool
) -> None:
    """A terminal gets colours, but for `NO_COLOR` and one that knows none."""
    seen = on_a_terminal(genesis, project, **variables)

    assert "OTP001" in seen
    assert coloured is ("\x1b[31mcritical OTP001\x1b[0m" in seen)
    assert coloured is ("\x1b" in seen)


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_elsewhere(
    genesis: Genesis, project: Path, variables: dict[str, str], coloured: bool
) -> None:
    """What is no terminal gets colours where they are asked for; a document never does."""
    env = {"FORCE_COLOR": None, **variables}
    text = genesis("otp", "scan", project, "--only", "OTP001", env=env).stdout
    report = genesis("otp", "scan", project, "--format", "json", env=env).stdout

    assert coloured is ("\x1b[31mcritical OTP001\x1b[0m" in text)
    assert "\x1b" not in report


class Text(HTMLParser):
    """Collects tags and text."""

    def __init__(self, source: str):
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html(genesis: Genesis, project: Path) -> None:
    """One page, nothing fetched, nothing run; code and names are escaped."""
    done = genesis("otp", "scan", project, "--format", "html")
    page = Text(done.stdout)

    assert 0 == done.returncode
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert not re.search(r"(src|href)=|url\(|@import", done.stdout)
    assert "lib/tiny/größe <b>.ex" in page.text
    assert '"<script>"' in page.text
    for finding in scanned(genesis, project)["findings"]:
        assert f"{finding['file']}:{finding['line']}" in page.text
        assert finding["message"] in page.text


@pytest.mark.parametrize("severity", ["critical", "high", "low"])
def test_fail_on(genesis: Genesis, project: Path, severity: str) -> None:
    """Exit 1 for a finding so grave or graver; the report is printed all the same."""
    done = genesis("otp", "scan", project, "--fail-on", severity)

    assert 1 == done.returncode
    assert "4 findings" in done.stdout


def test_fail_on_less(tmp_path: Path, genesis: Genesis) -> None:
    """Findings that are less grave do not fail the command; a wrong word is refused."""
    project = write(tmp_path / "tiny", {**BASE, "lib/words.ex": WORDS})

    assert 0 == genesis("otp", "scan", project, "--fail-on", "critical").returncode
    assert 0 == genesis("otp", "scan", project, "--fail-on", "high").returncode
    assert 1 == genesis("otp", "scan", project, "--fail-on", "medium").returncode
    wrong = genesis("otp", "scan", project, "--fail-on", "grave")
    assert 2 == wrong.returncode
    assert "'grave' is not one of 'critical', 'high'" in " ".join(wrong.stderr.split())


def test_only(genesis: Genesis, project: Path) -> None:
    """Codes and names, several with commas; an unknown one is refused with the nearest."""
    found = scanned(genesis, project, "--only", "OTP009, dynamic-atom")["findings"]
    wrong = genesis("otp", "scan", project, "--only", "OTP0001")

    assert {"OTP009", "OTP053"} == {one["rule"] for one in found}
    assert "did you mean 'OTP001'?" in genesis.said(wrong, 2)


def test_jobs(genesis: Genesis, project: Path) -> None:
    """Several processes find the same, in the same order."""
    alone = scanned(genesis, project)
    known = scanned(genesis, project, "--jobs", "2")
    together = scanned(genesis, project, "--jobs", "2", "--no-cache")
    for report in (alone, known, together):
        report.pop("elapsed_s")

    assert (0, alone["files"], 0) == (alone["cached"], known.pop("cached"), together["cached"])
    assert alone == together == {**known, "cached": 0}
    assert 2 == genesis("otp", "scan", project, "--jobs", "0").returncode


def test_changed_since(tmp_path: Path, genesis: Genesis) -> None:
    """Only findings in files that differ from a revision, in the index or not, known or new."""
    project = repository(tmp_path / "shop" / "tiny", THREE_FLAWS)
    assert [] == scanned(genesis, project, "--changed-since", "HEAD")["findings"]
    write(project, {"lib/tiny/words.ex": f"# changed\n{WORDS}"})
    write(project, {"lib/tiny/new ä.ex": JOBS.replace("Jobs", "New")})
    found = scanned(genesis, project, "--changed-since", "HEAD")["findings"]
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=more")
    before = scanned(genesis, project, "--changed-since", "HEAD~1")["findings"]

    assert {"lib/tiny/words.ex", "lib/tiny/new ä.ex"} == {one["file"] for one in found}
    assert found == before
    assert [] == scanned(genesis, project, "--changed-since", "HEAD")["findings"]


@pytest.mark.parametrize("revision", ["nowhere", "--output=stolen", "HEAD~9"])
def test_wrong_revision(tmp_path: Path, genesis: Genesis, revision: str) -> None:
    """A revision that is none is a wrong argument."""
    project = repository(tmp_path / "tiny", THREE_FLAWS)
    said = genesis.said(genesis("otp", "scan", project, f"--changed-since={revision}"), 2)

    assert f"no commit {revision!r}" in said
    assert not list(tmp_path.rglob("stolen"))


def test_changed_without_repository(genesis: Genesis, project: Path) -> None:
    """Without a repository there is nothing to compare with."""
    said = genesis.said(genesis("otp", "scan", project, "--changed-since", "HEAD"), 2)

    assert "git repository" in said
    assert 1 == len(said.splitlines())


def test_rules(genesis: Genesis) -> None:
    """The catalogue, as a table and as JSON."""
    table = genesis("otp", "rules").stdout.splitlines()
    rules = json.loads(genesis("otp", "rules", "--json").stdout)

    assert [rule.code for rule in all_rules()] == [line.split()[0] for line in table]
    assert [(rule.code, rule.name) for rule in all_rules()] == [
        (rule["code"], rule["name"]) for rule in rules
    ]
    for rule in rules:
        assert all(rule[key] for key in ("severity", "stage", "fix", "summary", "why"))


@pytest.mark.parametrize("name", ["OTP001", "otp001", "unsupervised-spawn"])
def test_explain(genesis: Genesis, name: str) -> None:
    """A rule's page by its code or its name: why, what instead, examples."""
    done = genesis("otp", "explain", name)

    assert 0 == done.returncode
    assert done.stdout.startswith("# OTP001 unsupervised-spawn\n")
    for heading in ("Why is this bad?", "Use instead", "Fix safety", "Reported", "Not reported"):
        assert f"\n## {heading}\n" in done.stdout


def test_explain_unknown(genesis: Genesis) -> None:
    """An unknown rule is a wrong argument; the nearest is named."""
    said = genesis.said(genesis("otp", "explain", "unsupervised-spwan"), 2)

    assert "error: no rule named 'unsupervised-spwan'; did you mean 'unsupervised-spawn'?" == said


def test_what_is_known_is_not_told_again(genesis: Genesis, project: Path, tmp_path: Path) -> None:
    """A baseline keeps the findings of today: only a new one is told, and fails; lines may move."""
    known = tmp_path / "known.json"
    wrote = genesis("otp", "scan", project, "--write-baseline", known)
    jobs = project / "lib" / "tiny" / "jobs.ex"
    jobs.write_text("# A comment that moves all lines.\n" + jobs.read_text())
    quiet = genesis("otp", "scan", project, "--baseline", known, "--fail-on", "info")
    write(project, {"lib/tiny/more.ex": "defmodule Tiny.More do\n  def a, do: spawn(&b/0)\nend\n"})
    (project / "genesis.toml").write_text(f'[scan]\nbaseline = "../{known.name}"\n')
    new = genesis("otp", "scan", project, "--format", "json", "--fail-on", "info")
    (project / "lib" / "tiny" / "jobs.ex").unlink()
    gone = genesis("otp", "scan", project)

    assert (wrote.returncode, wrote.stdout) == (0, "")
    assert wrote.stderr == f"4 findings are known now: {known}\n"
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert new.returncode == 1
    assert [one["file"] for one in json.loads(new.stdout)["findings"]] == ["lib/tiny/more.ex"]
    assert "known findings are gone; write it anew" in gone.stderr


def test_settings_of_a_scan(genesis: Genesis, project: Path) -> None:
    """Rules are switched off or graded otherwise, files left out, the exit set."""
    before = scanned(genesis, project)["findings"]
    (project / "genesis.toml").write_text(
        '[scan]\nexclude = ["lib/tiny/jobs.ex"]\nfail_on = "medium"\n'
        '[scan.rules]\ndynamic-atom = "info"\n'
    )
    done = genesis("otp", "scan", project, "--format", "json")
    after = json.loads(done.stdout)["findings"]

    assert {one["severity"] for one in before if one["rule"] == "OTP053"} == {"medium"}
    assert {one["severity"] for one in after if one["rule"] == "OTP053"} == {"info"}
    assert "lib/tiny/jobs.ex" not in {one["file"] for one in after}
    assert len(after) == len([one for one in before if one["file"] != "lib/tiny/jobs.ex"])
    (project / "genesis.toml").write_text('[scan.rules]\nOTP053 = "off"\n')
    assert "OTP053" not in {one["rule"] for one in scanned(genesis, project)["findings"]}


@pytest.mark.parametrize(
    ("toml", "options", "said"),
    [
        ('[scan.rules]\nOTP999 = "off"', [], "[scan] rules: no rule 'OTP999'; did you mean"),
        ('[scan.rules]\nOTP001 = "deadly"', [], "[scan] rules.OTP001"),
        ("[scan]\nexclud = []", [], "did you mean 'exclude'?"),
        ("", ["--baseline", "none.json"], "cannot read the baseline none.json: No such file"),
        ("", ["--baseline", "mix.exs"], "mix.exs"),
    ],
)
def test_wrong_settings_of_a_scan(
    genesis: Genesis, project: Path, toml: str, options: list[str], said: str
) -> None:
    """One message, exit code 2."""
    (project / "genesis.toml").write_text(toml)

    done = genesis("otp", "scan", project, *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
