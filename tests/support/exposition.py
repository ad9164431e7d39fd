"""A strict reader of the Prometheus text format 0.0.4: whatever is not exactly right raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, nan

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)", re.DOTALL)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?)")
_SUFFIXES = ("_bucket", "_sum", "_count")

Labels = frozenset[tuple[str, str]]


@dataclass
class Exposed:
    """One family as it was read."""

    help: str
    type: str = ""
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)


def parsed(text: str) -> dict[str, Exposed]:
    """Return the families by name; raise `AssertionError` for any breach of the format."""
    assert text == "" or text.endswith("\n")
    families: dict[str, Exposed] = {}
    name = ""
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            name, _, told = line.removeprefix("# HELP ").partition(" ")
            assert re.fullmatch(_NAME, name), line
            assert name not in families, f"{name} comes twice"
            families[name] = Exposed(told)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == name, f"{line}: its help is not before it"
            assert (families[name].type, families[name].samples) == ("", {}), line
            families[name].type = line.split(" ")[3]
        else:
            _take(families[name], name, line)
    for name, family in families.items():
        _consistent(name, family)
    return families


def value(families: Mapping[str, Exposed], name: str, **labels: str) -> float:
    """Return one sample by its full name and all its labels, 0 where there is none."""
    wanted = frozenset(labels.items())
    for family in families.values():
        if (name, wanted) in family.samples:
            return family.samples[name, wanted]
    return 0


def unescaped(text: str) -> str:
    """Return a label's value as it was meant."""
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text)


def _take(family: Exposed, name: str, line: str) -> None:
    found = _SAMPLE.fullmatch(line)
    assert found, f"not a sample: {line!r}"
    own = found[1].removeprefix(name) if family.type == "histogram" else ""
    assert found[1] == name + own, f"{found[1]} stands below {name}"
    assert own in (_SUFFIXES if family.type == "histogram" else ("",)), line
    key = (found[1], _labels(found[2] or ""))
    assert key not in family.samples, f"{line} comes twice"
    family.samples[key] = _number(found[3])


def _labels(text: str) -> Labels:
    found, at = [], 0
    while at < len(text):
        label = _LABEL.match(text, at)
        assert label, f"not a label: {text[at:]!r}"
        assert (label[3] == "") == (label.end() == len(text)), text
        found.append((label[1], unescaped(label[2])))
        at = label.end()
    assert len({name for name, _ in found}) == len(found), text
    return frozenset(found)


def _number(text: str) -> float:
    if text in ("+Inf", "-Inf", "NaN"):
        return {"+Inf": inf, "-Inf": -inf}.get(text, nan)
    assert _NUMBER.fullmatch(text), text
    return float(text)


def _consistent(name: str, family: Exposed) -> None:
    assert family.type in ("counter", "gauge", "histogram"), name
    assert family.samples, f"{name} has no sample"
    assert (family.type == "counter") == name.endswith("_total"), name
    if family.type != "histogram":
        return
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), count in family.samples.items():
        if sample == f"{name}_bucket":
            edge = dict(labels)["le"]
            rest = frozenset(labels - {("le", edge)})
            series.setdefault(rest, []).append((_number(edge), count))
    for labels, buckets in series.items():
        edges, counts = [edge for edge, _ in buckets], [count for _, count in buckets]
        assert edges == sorted(set(edges)), f"{name}: the edges do not rise"
        assert counts == sorted(counts), f"{name}: the buckets are not cumulative"
        assert edges[-1] == inf, f"{name}: +Inf is missing"
        assert counts[-1] == family.samples[f"{name}_count", labels]
        assert family.samples[f"{name}_sum", labels] >= 0
