"""Whole folders copied, as copies on write where the file system can; never linked."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from otp_genesis.codebase.children import end_child, start_child
from otp_genesis.errors import EnvironmentLacks

_UNKNOWN_OPTION = (b"unrecognized option", b"illegal option", b"invalid option")


async def copy(source: Path, target: Path, env: Mapping[str, str]) -> None:
    """Copy a file or a folder with modes, times and links; a `source` that is a link is followed.

    `target` must not exist.
    """
    command = ("cp", "-aH", "--reflink=auto", "--", str(source), str(target))
    process = await start_child(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**env, "LC_ALL": "C"},
    )
    try:
        _, complaint = await process.communicate()
    finally:
        await end_child(process)
    if process.returncode == 0:
        return
    if not any(words in complaint for words in _UNKNOWN_OPTION):
        raise EnvironmentLacks(f"cannot copy {source}: {complaint.decode(errors='replace')}")
    await asyncio.to_thread(_copy_slowly, source, target)


async def copy_project(
    source: Path, target: Path, env: Mapping[str, str], *, leave_out: tuple[Path, ...]
) -> None:
    """Copy a folder to the new folder `target`, but for the files and folders in `leave_out`."""
    for entry, copied in await asyncio.to_thread(_split, source, target, leave_out):
        await copy(entry, copied, env)


def _split(source: Path, target: Path, leave_out: tuple[Path, ...]) -> list[tuple[Path, Path]]:
    """Make the folders around what is left out; return what to copy whole, from where to where."""
    target.mkdir()
    whole = []
    for entry in sorted(source.iterdir()):
        if entry in leave_out:
            continue
        if entry.is_symlink():
            (target / entry.name).symlink_to(entry.readlink())
        elif any(path.is_relative_to(entry) for path in leave_out):
            whole += _split(entry, target / entry.name, leave_out)
        else:
            whole.append((entry, target / entry.name))
    shutil.copystat(source, target)
    return whole


def _copy_slowly(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    except (OSError, shutil.Error) as error:
        raise EnvironmentLacks(f"cannot copy {source}: {error}") from error
