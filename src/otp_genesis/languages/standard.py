"""What comes with a language: modules that are no dependency of a project."""

from __future__ import annotations

import sys

_ELIXIR_NAMES = """
    Access Agent Any Application ArgumentError ArithmeticError Atom BadArityError BadFunctionError
    BadMapError BadStructError Base Behaviour BitString Bitwise Calendar CaseClauseError Code
    Collectable CompileError CondClauseError Config Date DateTime Dict Duration DynamicSupervisor
    EEx Enum Enumerable ErlangError ExUnit Exception File Float Function FunctionClauseError
    GenEvent GenServer HashDict HashSet IEx IO Inspect Integer JSON Kernel KeyError Keyword List
    Logger Macro Map MapSet MatchError Mix Module NaiveDateTime Node OptionParser
    PartitionSupervisor Path Port Process Protocol Range Record Regex Registry RuntimeError Set
    Stream String StringIO Supervisor SyntaxError System SystemLimitError Task Time
    TokenMissingError Tuple URI UndefinedFunctionError UnicodeConversionError Version
    WithClauseError
"""
_NODE_NAMES = """
    assert async_hooks buffer child_process cluster console constants crypto dgram
    diagnostics_channel dns domain events fs http http2 https inspector module net os path
    perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls
    trace_events tty url util v8 vm wasi worker_threads zlib
"""
_ELIXIR = frozenset(_ELIXIR_NAMES.split())
_NODE = frozenset(_NODE_NAMES.split())
_RUST = frozenset({"std", "core", "alloc", "proc_macro", "test"})


def is_standard(language: str, package: str) -> bool:
    """Whether a package comes with its language."""
    match language:
        case "elixir":
            return package in _ELIXIR
        case "python":
            return package in sys.stdlib_module_names
        case "rust":
            return package in _RUST
        case "go":
            return "." not in package.partition("/")[0]
    return package.startswith("node:") or package.partition("/")[0] in _NODE


def package_of(language: str, target: str) -> str:
    """Return the package that an import is from, by its name alone."""
    match language:
        case "elixir" | "python":
            return target.partition(".")[0]
        case "rust":
            return target.partition("::")[0]
        case "go":
            return "/".join(target.split("/")[: 3 if "." in target.partition("/")[0] else None])
    return "/".join(target.split("/")[: 2 if target.startswith("@") else 1])
