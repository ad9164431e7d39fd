"""What the user's repository is like. Everything here only looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from otp_genesis.codebase.git import Git
from otp_genesis.errors import NotAProject, UsageError

BUILD_FOLDERS = ("_build", "deps")


@dataclass(frozen=True)
class Repository:
    """The repository of a project, and the commit that the work starts from."""

    git: Git
    """In the top folder of the user's checkout."""
    subfolder: str
    """Where the project is below the top; empty at the top."""
    base: str
    paths: frozenset[str]
    """The files of `base`, submodules too."""
    submodules: tuple[tuple[str, str], ...]
    """Path and commit of each."""

    @property
    def top(self) -> Path:
        """The user's checkout."""
        return self.git.folder

    def mix_folders(self) -> list[str]:
        """Return the folders with a mix.exs, relative to the top; the top is empty."""
        found = [PurePosixPath(path) for path in self.paths]
        folders = sorted(str(path.parent) for path in found if path.name == "mix.exs")
        return ["" if folder == "." else folder for folder in folders]

    def build_folders(self) -> list[str]:
        """Return where mix puts what it builds and fetches, unless files there are committed."""
        committed = {str(parent) for path in self.paths for parent in PurePosixPath(path).parents}
        places = [
            f"{folder}/{name}".lstrip("/")
            for folder in self.mix_folders()
            for name in BUILD_FOLDERS
        ]
        return [place for place in places if place not in committed]

    async def fill_submodule(self, path: str, commit: str, tree: Path, index: Path) -> str | None:
        """Put a submodule's files into its place in `tree`; return why that is not possible.

        `index` is a file that may be made and removed.
        """
        checkout = self.git.at(self.top / path)
        if not checkout.folder.is_dir() or await checkout.ask("rev-parse", "--show-cdup") != "":
            return "it is not checked out"
        if await checkout.ask("cat-file", "-e", f"{commit}^{{commit}}") is None:
            return f"its commit {commit[:12]} is missing"
        git = (await without_filters(checkout)).with_variables(GIT_INDEX_FILE=str(index))
        await git.run("read-tree", commit)
        await git.run("checkout-index", "--all", "--force", f"--prefix={tree / path}/")
        index.unlink()
        return None

    async def notes(self) -> list[str]:
        """Return what of the user's checkout the work does not see, in sentences."""
        notes = []
        status = ("status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=none")
        user = replace(self.git, as_user=True)
        changed = await user.lines(*status)
        if changed:
            are = "file has" if len(changed) == 1 else "files have"
            notes.append(f"{len(changed)} {are} uncommitted changes, which the work does not see")
        attributes = ("grep", "-q", "filter=", self.base, "--", ":(glob)**/.gitattributes")
        if await self.git.ask(*attributes) is not None:
            notes.append("files under a git filter (such as LFS) are seen as they are stored")
        if await user.ask("config", "--bool", "core.sparseCheckout") == "true":
            notes.append("the checkout is sparse; the work sees all files")
        return notes


@dataclass(frozen=True)
class NoRepository:
    """Why a project is worked on as a plain folder."""

    why: str


async def find_repository(
    project: Path, env: Mapping[str, str], *, base: str | None
) -> Repository | NoRepository:
    """Return the repository that `project` is committed in; raise `NotAProject`, `UsageError`."""
    git = Git(project, env)
    if await git.ask("rev-parse", "--is-inside-git-dir") == "true":
        raise NotAProject(str(project), "is a bare git repository or git's own folder")
    top = await git.ask("rev-parse", "--show-toplevel")
    if top is None:
        return _plain("it is in no git repository", base)
    subfolder = (await git.line("rev-parse", "--show-prefix")).removesuffix("/")
    git = await without_filters(git.at(Path(top)))
    start = await git.ask("rev-parse", "--verify", "--quiet", f"{base or 'HEAD'}^{{commit}}")
    if start is None:
        if base is not None:
            raise UsageError(f"{top} has no commit {base!r}")
        return _plain("its git repository has no commit yet", base)
    entries = [entry.split("\t", 1) for entry in await git.lines("ls-tree", "-r", "-z", start)]
    paths = frozenset(path for _, path in entries)
    if subfolder and not any(path.startswith(f"{subfolder}/") for path in paths):
        return _plain(f"it is not committed in the git repository {top}", base)
    submodules = tuple((path, what.split()[2]) for what, path in entries if what[:6] == "160000")
    return Repository(git, subfolder, start, paths, submodules)


def _plain(why: str, base: str | None) -> NoRepository:
    if base is not None:
        raise UsageError(f"cannot start from {base!r}: {why}")
    return NoRepository(why)


async def without_filters(git: Git) -> Git:
    """Return a git that stores and checks out the bytes as they are, whatever filters there are."""
    listed = (
        await replace(git, as_user=True).ask("config", "--name-only", "--get-regexp", r"^filter\.")
        or ""
    )
    drivers = sorted({name.rpartition(".")[0] for name in listed.splitlines()})
    off = ("clean=", "smudge=", "process=", "required=false")
    return git.configured(*(f"{driver}.{each}" for driver in drivers for each in off))
