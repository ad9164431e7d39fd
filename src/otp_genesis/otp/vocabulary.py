"""The functions of Elixir and OTP whose calls are kept as facts, by module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from otp_genesis.errors import UsageError

if TYPE_CHECKING:
    from otp_genesis.otp.rule import Rule

_OURS: Mapping[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "Kernel": "spawn spawn_link spawn_monitor send exit receive",
        "Process": (
            "spawn send put get delete sleep monitor demonitor register whereis exit flag"
            " alive? link send_after cancel_timer"
        ),
        "Task": "start start_link async async_stream await await_many yield yield_many",
        "Task.Supervisor": "start_child async async_nolink start_link",
        "GenServer": "call cast start start_link multi_call whereis stop",
        "Agent": "start start_link get update get_and_update cast",
        "Supervisor": "start_link init",
        "DynamicSupervisor": "start_child start_link init",
        "String": "to_atom",
        "List": "to_atom",
        ":erlang": (
            "spawn spawn_link spawn_monitor spawn_opt send send_nosuspend put erase monitor"
            " binary_to_atom list_to_atom binary_to_term exit process_flag demonitor"
            " is_process_alive whereis halt"
        ),
        ":gen_server": "call cast start start_link",
        "GenStage": "start_link",
        ":telemetry": "attach attach_many execute",
        "Registry": "lookup",
        "Application": "get_env fetch_env! put_env delete_env put_all_env",
        ":application": "set_env",
        "Mix": "env",
        ":persistent_term": "put erase",
        "System": "cmd shell halt stop",
        ":os": "cmd",
        ":init": "stop",
        "Req": "get get! post post! put put! request request!",
        "HTTPoison": "get get! post post! put put! request request!",
        "Tesla": "get get! post post! put put! request request!",
        "Finch": "request request!",
        ":httpc": "request",
        ":gen_tcp": "connect",
        ":ssl": "connect",
        ":timer": "sleep send_interval send_after",
        ":ets": (
            "new lookup lookup_element member insert insert_new update_counter update_element"
            " whereis info"
        ),
    }.items()
}
"""Erlang modules carry their colon, as a call does."""


class Vocabulary:
    """Which calls are kept as facts. Rules of plugins may ask for more."""

    __slots__ = ("functions", "kernel", "last_names", "names")

    def __init__(self, functions: Mapping[str, frozenset[str]] = _OURS):
        self.functions = functions
        self.kernel = functions["Kernel"]
        """What every module imports without asking."""
        self.last_names = frozenset(module.rpartition(".")[2] for module in functions)
        """What the modules are called where they are aliased."""
        self.names = frozenset(name for names in functions.values() for name in names)

    def of(self, module: str) -> frozenset[str]:
        """Return the functions of a module that are watched."""
        return self.functions.get(module, frozenset())

    def with_calls(self, labels: Iterable[str]) -> Vocabulary:
        """Return it with more calls, each as `Module.function/arity` or `Module.function`.

        Raises `UsageError` for what is no such label.
        """
        added: dict[str, set[str]] = {}
        for label in labels:
            module, _, name = label.partition("/")[0].rpartition(".")
            if not module or not name:
                raise UsageError(f"{label!r} is no call such as 'IO.inspect/1'")
            if name not in self.of(module):
                added.setdefault(module, set()).add(name)
        if not added:
            return self
        new = {module: self.of(module) | names for module, names in added.items()}
        return Vocabulary({**self.functions, **new})


def either(names: Iterable[str]) -> bytes:
    """Return the pattern that matches one of `names`, the longest first."""
    ordered = sorted(names, key=lambda name: (-len(name), name))
    return b"|".join(re.escape(name.encode()) for name in ordered)


VOCABULARY = Vocabulary()
"""What the rules of this program ask for."""


def vocabulary_of(rules: Iterable[Rule]) -> Vocabulary:
    """Return what files must be read for so that these rules can be held against them."""
    return VOCABULARY.with_calls(label for rule in rules for label in rule.watches)
