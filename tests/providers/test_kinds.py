"""Providers out of genesis.toml: kinds, names of one's own, what is wrong with a table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import Genesis, Write
from support.served import served

from otp_genesis.loopback.openai import OpenAIServer, calling
from otp_genesis.loopback.server import Asked
from otp_genesis.providers import KINDS
from otp_genesis.providers.kind import VendorSettings, kind_named

ASK = """
workflow:
  name: w
  steps:
    - {name: a, type: prompt, prompt: hi, provider: "%s"}
"""


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_whole(name: str) -> None:
    """It has settings of its own, and is made without the vendor's package being loaded."""
    kind = kind_named(name)

    assert kind is not None
    assert issubclass(kind.settings, VendorSettings)


def test_two_of_a_kind(genesis: Genesis, write: Write) -> None:
    """Each under its own name, with its own address and key."""
    write("w.yaml", ASK % "near")
    write("v.yaml", ASK % "far")

    def says(name: str) -> OpenAIServer:
        return OpenAIServer(lambda asked: f"{name} {asked.headers.get('Authorization')}")

    with served(says("near")) as near, served(says("far")) as far:
        write(
            "genesis.toml",
            f"""
            [providers.near]
            kind = "openai"
            base_url = "{near.url}/v1"
            model = "m"
            priority = 5

            [providers.far]
            kind = "openai"
            base_url = "{far.url}/v1"
            model = "n"
            api_key = "env:FAR_KEY"
            """,
        )
        of_near = genesis.json("run", "w.yaml")["results"]["a"]["text"]
        of_far = genesis("run", "v.yaml", "--json", FAR_KEY="a-key-for-far").stdout
        (entry,) = genesis.json("providers", "near")
        without = genesis.json("providers", "far")[0]

    assert of_near == "near None"
    assert "far Bearer [env:FAR_KEY]" in of_far
    assert (entry["priority"], entry["available"]) == (5, True)
    assert without["reason"] == "there is no key at env:FAR_KEY"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[providers.x]\nkind = "opnai"', "[providers.x] no kind 'opnai'; did you mean 'openai'?"),
        ("[providers.openai]\nmodle = 'm'", "'model'"),
        ("[providers.openai]\ntimeout_s = 0", "[providers.openai] timeout_s: "),
        ("[providers.gemini]\nfile = 'x'", "[providers.gemini] file: "),
        ("[providers.openia]\npriority = 1", "no provider 'openia'; did you mean 'openai'?"),
        ("[[providers.openai.models]]\nprice = 1", "[providers.openai] models.0."),
    ],
)
def test_a_wrong_table(genesis: Genesis, write: Write, table: str, message: str) -> None:
    """One message with the table, the key and what was meant; exit code 2."""
    write("w.yaml", ASK % "openai")
    write("genesis.toml", table)

    done = genesis("run", "w.yaml")

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_models_file_is_beside_the_settings(genesis: Genesis, write: Write, folder: Path) -> None:
    """A relative path is meant from where genesis.toml is."""
    write("genesis.toml", "[providers.local]\nfile = 'weights/m.gguf'\n")

    (entry,) = genesis.json("providers", "local")

    assert entry["reason"] == f"there is no file {folder / 'weights' / 'm.gguf'}"


SERVER = """
from mcp.server import MCPServer

server = MCPServer("words")


@server.tool()
def count(text: str) -> str:
    \"\"\"Count the words of a text.\"\"\"
    return f"{len(text.split())} words"


server.run(transport="stdio")
"""


def test_tools_of_a_server_that_a_pipeline_names(genesis: Genesis, write: Write) -> None:
    """The model calls a tool of an MCP server; what the tool says goes back to the model."""
    script = write("words.py", SERVER)
    write(
        "w.yaml",
        f"""
        workflow:
          name: w
          strict: true
          steps:
            - name: a
              type: prompt
              provider: near
              prompt: how many words
              mcp_servers:
                words: {{command: "{sys.executable}", args: ["{script}"]}}
        """,
    )

    def says(asked: Asked) -> object:
        said = [one["content"] for one in asked.body["messages"] if one["role"] == "tool"]
        return f"it has {said[0]}" if said else calling(("mcp__words__count", {"text": "a b c"}))

    with served(OpenAIServer(says)) as near:  # type: ignore[arg-type]
        table = f'[providers.near]\nkind = "openai"\nbase_url = "{near.url}/v1"\nmodel = "m"\n'
        write("genesis.toml", table)
        report = genesis.json("run", "w.yaml")
        events = genesis("runs", "events", report["run_id"]).stdout

    assert report["results"]["a"]["text"] == "it has 3 words"
    assert report["results"]["a"]["requests"] == 2
    assert '"tool":"mcp__words__count"' in events.replace(" ", "")
