"""Whole folders copied, as copies on write where the file system can; never linked."""

from __future__ import annotations

import asyncio
import io
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from otp_genesis.codebase.git import Git
from otp_genesis.errors import CodebaseError, EnvironmentLacks

_UNKNOWN_OPTION = (b"unrecognized option", b"illegal option", b"invalid option")


async def copy(source: Path, target: Path, env: Mapping[str, str]) -> None:
    """Copy a file or a folder with modes, times and links; a `source` that is a link is followed.

    `target` must not exist.
    """
    command = ("cp", "-aH", "--reflink=auto", "--", str(source), str(target))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**env, "LC_ALL": "C"},
    )
    try:
        _, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
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


async def fill_submodule(checkout: Git, commit: str, target: Path) -> str | None:
    """Put the files of a submodule's commit into `target`; return why that is not possible."""
    if await checkout.ask("rev-parse", "--show-cdup") != "":
        return "it is not checked out"
    if await checkout.ask("cat-file", "-e", f"{commit}^{{commit}}") is None:
        return f"its commit {commit[:12]} is missing"
    archive = await checkout.run("archive", "--format=tar", commit)
    try:
        await asyncio.to_thread(_unpack, archive, target)
    except (tarfile.TarError, OSError) as error:
        raise CodebaseError(f"cannot fill the submodule {target}: {error}") from error
    return None


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


def _unpack(archive: bytes, target: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="tar")


def _copy_slowly(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    except (OSError, shutil.Error) as error:
        raise EnvironmentLacks(f"cannot copy {source}: {error}") from error
