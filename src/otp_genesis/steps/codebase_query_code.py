"""Answers about what is defined and used: functions, classes, modules, interfaces, exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from otp_genesis.expr.loose_pattern import found as pattern_found
from otp_genesis.languages.facts import CALLABLE, Definition, Export, FileFacts
from otp_genesis.languages.layout import Layout
from otp_genesis.languages.resolution import passed_on
from otp_genesis.steps.codebase_query_files import noted, said
from otp_genesis.steps.codebase_query_params import (
    FindClasses,
    FindExports,
    FindFunctions,
    FindInterfaces,
    FindModules,
    FindReferences,
    Where,
)
from otp_genesis.steps.codebase_query_project import Project

_SYNTACTIC = "found by the name alone; another thing of the same name is found too"
_BARE = re.compile(r"^[@#!\[\s]+|[\]\s]+$|\(.*", re.DOTALL)


async def _definitions(
    asked: Where, project: Project
) -> tuple[list[tuple[str, Definition]], dict[str, Any]]:
    """Return all definitions in the files asked about, and what is to be said beside."""
    paths, note = await project.places(asked)
    facts = await project.facts(paths)
    found = [(path, one) for path in paths for one in facts[path].definitions]
    return found, {**project.unparsed(paths), **noted(note)}


def _row(path: str, one: Definition) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": one.name, "type": one.kind, "file": path, "line": one.line,
        "end_line": one.end_line, "signature": one.signature, "form": one.form,
        "public": one.public, "owner": one.owner, "annotations": list(one.marks),
    }  # fmt: skip
    if one.arity is not None:
        row |= {"arity": one.arity, "clauses": one.clauses}
    return row


def _in_order(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["name"], row["file"], row["line"], row["type"]


def _named(one: Definition, name: str | None, pattern: str | None) -> bool:
    """Whether a definition has the name, alone or with its owner, and matches the pattern."""
    return (name is None or name in (one.name, one.full)) and (
        pattern is None or pattern_found(pattern, one.name)
    )


def _marked(one: Definition, wanted: str | None) -> bool:
    return wanted is None or _BARE.sub("", wanted) in one.marks


def _based(one: Definition, wanted: str | None) -> bool:
    """Whether a base is what is wanted, with or without its own place and parameters."""
    if wanted is None:
        return True
    plain = {re.split(r"[\[<(]", base, maxsplit=1)[0].lstrip("*& ") for base in one.bases}
    return wanted in plain or wanted in {re.split(r"\.|::", base)[-1] for base in plain}


async def find_functions(asked: FindFunctions, project: Project) -> dict[str, Any]:
    """Return the functions, methods and macros, or what else `type` names."""
    found, beside = await _definitions(asked, project)
    kinds: tuple[str, ...] = CALLABLE
    if asked.type is not None:
        kinds = ("function", "method") if asked.type == "function" else (asked.type,)
    rows = [
        _row(path, one)
        for path, one in found
        if one.kind in kinds
        and _named(one, asked.name, asked.pattern)
        and _marked(one, asked.with_decorator)
        and _marked(one, asked.with_annotation)
        and (one.public or not asked.public_only)
    ]
    rows.sort(key=_in_order)
    return {"functions": rows, "count": len(rows), "config": said(asked), **beside}


async def find_classes(asked: FindClasses, project: Project) -> dict[str, Any]:
    """Return the classes, structs, enums and unions; in Elixir the modules with a struct."""
    found, beside = await _definitions(asked, project)
    rows = []
    for path, one in found:
        if one.kind != "class" or not (one.public or not asked.public_only):
            continue
        if not _named(one, asked.name, asked.pattern) or not _marked(one, asked.with_decorator):
            continue
        if _based(one, asked.with_base_class):
            row = {**_row(path, one), "bases": list(one.bases)}
            if asked.include_methods:
                row["methods"] = list(_methods(path, one, found))
            rows.append(row)
    rows.sort(key=_in_order)
    return {"classes": rows, "count": len(rows), "config": said(asked), **beside}


def _methods(
    path: str, owner: Definition, found: list[tuple[str, Definition]]
) -> Iterator[dict[str, Any]]:
    """Yield the functions of a class in its file; of a Go type, those in its folder."""
    folder = path.rpartition("/")[0]
    for other, one in found:
        near = other.rpartition("/")[0] == folder if path.endswith(".go") else other == path
        if near and one.kind in CALLABLE and one.owner == owner.full:
            told = {"name": one.name, "line": one.line, "signature": one.signature}
            yield {**told, "public": one.public, **({} if other == path else {"file": other})}


async def find_modules(asked: FindModules, project: Project) -> dict[str, Any]:
    """Return the modules: of Elixir and Rust, Go packages, namespaces of TypeScript."""
    found, beside = await _definitions(asked, project)
    rows = [
        {**_row(path, one), "behaviours": list(one.bases)}
        for path, one in found
        if one.kind == "module"
        and _named(one, asked.name, asked.pattern)
        and _based_fully(one, asked.with_behaviour)
    ]
    rows.sort(key=_in_order)
    return {"modules": rows, "count": len(rows), "config": said(asked), **beside}


def _based_fully(one: Definition, wanted: str | None) -> bool:
    return wanted is None or wanted in one.bases


async def find_interfaces(asked: FindInterfaces, project: Project) -> dict[str, Any]:
    """Return what others implement: interfaces, traits, behaviours, protocols."""
    found, beside = await _definitions(asked, project)
    rows = [
        {**_row(path, one), "members": list(one.members), "bases": list(one.bases)}
        for path, one in found
        if one.kind == "interface"
        and _named(one, asked.name, asked.pattern)
        and (one.public or not asked.exported_only)
    ]
    rows.sort(key=_in_order)
    return {"interfaces": rows, "count": len(rows), "config": said(asked), **beside}


async def find_exports(asked: FindExports, project: Project) -> dict[str, Any]:
    """Return the names that files give to others."""
    paths, note = await project.places(asked)
    facts = await project.facts(paths)
    rows = [row for path in paths for row in _exports(path, facts[path], asked)]
    if any(row["source"] for row in rows):
        layout = await project.layout()
        rows = [_with_source(row, layout) for row in rows]
    rows.sort(key=lambda row: (row["file"], row["line"], row["name"]))
    beside = {**project.unparsed(paths), **noted(note)}
    return {"exports": rows, "count": len(rows), "config": said(asked), **beside}


def _with_source(row: dict[str, Any], layout: Layout) -> dict[str, Any]:
    if not row["source"]:
        return row
    files = passed_on(layout, row["file"], row["source"], row["name"])
    return {**row, "source_file": next(iter(files), None)}


def _exports(path: str, facts: FileFacts, asked: FindExports) -> Iterator[dict[str, Any]]:
    for one in _exported(facts):
        meant = _meant(one, facts)
        kind = meant.kind if meant else None
        names = {one.name, one.local or one.name}
        if asked.name is not None and asked.name not in names:
            continue
        if asked.pattern is not None and not any(pattern_found(asked.pattern, x) for x in names):
            continue
        component = meant is not None and meant.component
        if asked.type is not None and not (
            component if asked.type == "react_component" else kind == asked.type
        ):
            continue
        row = {
            "name": one.name, "file": path, "line": one.line, "type": kind,
            "local": one.local or None, "source": one.source or None,
        }  # fmt: skip
        if component:
            row["component"] = True
        if asked.with_props:
            row["props"] = list(meant.members) if meant and component else []
        yield row


def _exported(facts: FileFacts) -> list[Export]:
    """Return what a file says it exports, or else what is public at its top."""
    if facts.exports is not None:
        return list(facts.exports)
    shown = [one for one in facts.definitions if one.public and _on_top(one, facts)]
    return [Export(one.full, one.line) for one in shown if one.form != "package"]


def _on_top(one: Definition, facts: FileFacts) -> bool:
    """Whether others can name a definition without what it is in; in Elixir a function is."""
    return one.kind in CALLABLE if facts.language == "elixir" else not one.owner


def _meant(one: Export, facts: FileFacts) -> Definition | None:
    name = one.local or one.name
    if one.source:
        return None
    return next((each for each in facts.definitions if name in (each.full, each.name)), None)


async def find_references(asked: FindReferences, project: Project) -> dict[str, Any]:
    """Return where a name stands in code; what it means there is not looked into."""
    paths, note = await project.places(asked)
    facts = await project.facts(paths)
    rows: list[dict[str, Any]] = []
    for path in paths:
        lines = {
            (one.name.rpartition(".")[2], line)
            for one in facts[path].definitions
            for line in (one.line, *one.further)
        }  # fmt: skip
        for one in facts[path].references:
            if one.name == asked.wanted:
                defined = (one.name, one.line) in lines
                row = {"file": path, "kind": "definition" if defined else "use", "text": one.text}
                place = {"line": one.line, "column": one.column}
                rows.append({**row, **(place if asked.include_line_numbers else {})})
    beside = {**project.unparsed(paths), "note": "; ".join(filter(None, (note, _SYNTACTIC)))}
    return {"references": rows, "count": len(rows), "config": said(asked), **beside}
