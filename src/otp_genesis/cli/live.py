"""Live progress on a terminal: a fold over the run's events, drawn by rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from otp_genesis.model.event import Event
from otp_genesis.model.run import RunState, advance


@contextmanager
def progress(*, shown: bool) -> Iterator[Callable[[Event], None] | None]:
    """Yield a listener that draws the run while it goes on, or nothing where none is wanted."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    from otp_genesis.cli.render import run_view

    state = RunState()
    console = Console(file=sys.stderr)

    with Live(console=console, refresh_per_second=8, transient=True) as live:

        def listen(event: Event) -> None:
            nonlocal state
            state = advance(state, event)
            live.update(run_view(state, height=max(5, console.height - 4)))

        yield listen
