"""Calls that wait for another program, machine or service."""

from __future__ import annotations

_HTTP = ("get", "get!", "post", "post!", "put", "put!", "request", "request!")

OUTSIDE = (
    *(f"{client}.{name}/{n}" for client in ("Req", "Tesla") for name in _HTTP for n in (1, 2, 3)),
    *(f"HTTPoison.{name}/{n}" for name in _HTTP for n in (1, 2, 3, 4, 5)),
    *(f"Finch.{name}/{n}" for name in ("request", "request!") for n in (2, 3)),
    *(f":httpc.request/{n}" for n in (1, 2, 4, 5)),
    *(f"System.cmd/{n}" for n in (2, 3)),
    *(f"System.shell/{n}" for n in (1, 2)),
    ":os.cmd/1",
    ":os.cmd/2",
    ":gen_tcp.connect/3",
    ":gen_tcp.connect/4",
    ":ssl.connect/3",
    ":ssl.connect/4",
)
"""As calls are resolved; what a client of a project's own does inside is not seen."""
