"""Which rules a file has to be held against, so that most rules never see most files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from otp_genesis.otp.callbacks import AGENTS, SERVERS
from otp_genesis.otp.facts import Kind, SourceFile, function_name
from otp_genesis.otp.project import Project
from otp_genesis.otp.rule import Rule

KINDS: tuple[Kind, ...] = ("lib", "test", "config", "mix")


class RulesByNeed:
    """Rules in their order, by the kind of files, the calls and the servers that they need."""

    def __init__(self, rules: Sequence[Rule]):
        self._rules = tuple(rules)
        self._always: dict[Kind, list[int]] = defaultdict(list)
        self._of_servers: dict[Kind, list[int]] = defaultdict(list)
        self._of_call: dict[Kind, dict[str, list[int]]] = {kind: {} for kind in KINDS}
        for at, rule in enumerate(self._rules):
            for kind in rule.kinds:
                if rule.needs:
                    for label in rule.needs:
                        self._of_call[kind].setdefault(label, []).append(at)
                elif rule.needs_server:
                    self._of_servers[kind].append(at)
                else:
                    self._always[kind].append(at)
        self._names = {
            kind: set(map(function_name, labels)) for kind, labels in self._of_call.items()
        }

    def of(self, project: Project, file: SourceFile) -> list[Rule]:
        """Return the rules that may find something in `file`."""
        kind = file.kind
        chosen = {*self._always[kind]}
        labels = self._of_call[kind]
        # Production code is read for calls in any case; of tests few call what rules ask for.
        if labels and (kind == "lib" or any(map(file.facts.may_call, self._names[kind]))):
            for label in file.calls:
                chosen.update(labels.get(label, ()))
        servers = self._of_servers[kind]
        if servers and has_server(project, file):
            chosen.update(servers)
        return [self._rules[at] for at in sorted(chosen)]


def has_server(project: Project, file: SourceFile) -> bool:
    """Whether a module of the file is a server."""
    behaviours = SERVERS | AGENTS
    return any(
        not module.quoted and not behaviours.isdisjoint(project.behaviours(module))
        for module in file.modules
        if module.uses or module.behaviours
    )
