"""Paths as older documents write them: also absolute ones that lead into the workspace."""

from __future__ import annotations

from otp_genesis.contracts.step import Context


def relative(path: str, ctx: Context) -> str:
    """Return the path relative to the workspace; one that leads elsewhere stays as it is."""
    inside = ctx.codebase.root.rstrip("/") + "/"
    path = path.removeprefix(inside) if path.startswith(inside) else path
    return "." if path + "/" == inside else path.removeprefix("./") or "."


def absolute(path: str, ctx: Context) -> str:
    """Return the path as results tell it."""
    return f"{ctx.codebase.root.rstrip('/')}/{path}".removesuffix("/.")
