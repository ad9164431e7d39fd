"""Child lists with their order and strategy, read for the supervisors that name certain modules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from otp_genesis.otp.facts import SourceFile
from otp_genesis.otp.project import Project
from otp_genesis.otp.syntax import at
from otp_genesis.otp.tree_scope import Given, Scope
from otp_genesis.otp.tree_specs import SpecReader
from otp_genesis.otp.tree_values import Values

LISTS = frozenset({"Supervisor.init/2", "Supervisor.start_link/2"})
STRATEGY = re.compile(r"strategy:\s*:(\w+)")


@dataclass(frozen=True)
class Siblings:
    """The children of one supervisor in the order they are started."""

    file: SourceFile
    start: int
    strategy: str | None
    """`None` where it is computed."""
    modules: tuple[tuple[str, int], ...]
    """Each module with the offset of its spec, as far as the source names them."""
    whole: bool
    """Whether the source names all of them."""

    def place(self, module: str) -> int | None:
        """Return the position of a module that is listed once."""
        found = [number for number, (name, _) in enumerate(self.modules) if name == module]
        return found[0] if len(found) == 1 else None


def listing_files(project: Project) -> list[SourceFile]:
    """Return the production files that give children to a supervisor."""
    files = project.files.values()
    return [file for file in files if file.kind == "lib" and not LISTS.isdisjoint(file.calls)]


def siblings_of(project: Project, modules: Iterable[str], at_least: int = 2) -> list[Siblings]:
    """Return the child lists whose file mentions at least so many of these modules."""
    names = {module.rpartition(".")[2].encode() for module in modules}
    reader = SpecReader(project, Values(project))
    found: list[Siblings] = []
    for file in listing_files(project):
        calls = file.production_calls(*LISTS)
        if calls and sum(name in file.text for name in names) >= at_least:
            for call in calls:
                module = file.module(call.module)
                if module is None or len(call.arguments) != 2:
                    continue
                given = Given(at(file.root(), call.arguments[0]), Scope(file, module))
                specs = reader.read(given)
                strategy = STRATEGY.search(_options(file, call.arguments[1]))
                found.append(
                    Siblings(
                        file,
                        call.start,
                        strategy[1] if strategy else None,
                        tuple((s.module, s.given.node.start_byte) for s in specs if s.module),
                        all(spec.module for spec in specs),
                    )
                )
    return found


def _options(file: SourceFile, span: tuple[int, int]) -> str:
    """Return the options' text, that of the variable's last match where they are in one."""
    text = file.slice(span)
    if not re.fullmatch(r"[a-z_]\w*", text):
        return text
    before = file.text[: span[0]].decode(errors="replace")
    found = re.findall(rf"\b{text} = (\[[^\]]*\])", before)
    return found[-1] if found else ""
