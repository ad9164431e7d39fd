"""The functions of Elixir and OTP whose calls are kept as facts, by module."""

from __future__ import annotations

from collections.abc import Mapping

VOCABULARY: Mapping[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "Kernel": "spawn spawn_link spawn_monitor send exit",
        "Process": "spawn send put get delete sleep monitor demonitor register whereis exit flag",
        "Task": "start start_link async async_stream await await_many yield yield_many",
        "Task.Supervisor": "start_child async async_nolink start_link",
        "GenServer": "call cast start start_link multi_call",
        "Agent": "start start_link update get_and_update cast",
        "Supervisor": "start_link init",
        "DynamicSupervisor": "start_child start_link init",
        "String": "to_atom",
        "List": "to_atom",
        ":erlang": (
            "spawn spawn_link spawn_monitor spawn_opt send send_nosuspend put erase monitor"
            " binary_to_atom list_to_atom"
        ),
        ":gen_server": "call start start_link",
        ":timer": "sleep",
        ":ets": "new lookup lookup_element member insert insert_new update_counter update_element",
    }.items()
}
"""Erlang modules carry their colon, as a call does."""

NAMES: frozenset[bytes] = frozenset(
    name.encode() for names in VOCABULARY.values() for name in names
)
KERNEL = VOCABULARY["Kernel"]
"""What every module imports without asking."""
