"""`genesis metrics`: what the kept runs add up to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otp_genesis.cli.runs import with_runtime

if TYPE_CHECKING:
    from otp_genesis.runtime import Runtime
    from otp_genesis.telemetry import Metrics


def metrics(
    run: Annotated[str | None, typer.Option("--run", help="Of this run only.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Replace this file, print nothing.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON instead of the text format.")
    ] = False,
) -> None:
    """Print the metrics of all kept runs, or of one, in the Prometheus text format."""
    import json

    from otp_genesis.telemetry import metrics_data, prometheus_text, write_text

    folded = with_runtime(lambda runtime: _folded(runtime, run))
    text = json.dumps(metrics_data(folded), indent=2) + "\n" if as_json else prometheus_text(folded)
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)


async def _folded(runtime: Runtime, run: str | None) -> Metrics:
    from otp_genesis.telemetry import Metrics

    folded = Metrics()
    if run is not None:
        # It raises where there is no such run.
        requests = [await runtime.store.request(run)]
    else:
        # The oldest first, as they happened.
        requests = list(await runtime.store.runs())[::-1]
    for request in requests:
        for _, event in await runtime.store.events(request.run_id):
            folded.advance(request.run_id, event)
    return folded
