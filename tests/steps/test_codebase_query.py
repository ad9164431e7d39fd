"""Questions about a project: its files, code, dependencies and history."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench

from otp_genesis.model.event import Warned

SHOP = {
    "mix.exs": """defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "0.1.0", deps: deps()]
  defp deps, do: [{:phoenix, "~> 1.7"}, {:mox, "~> 1.0", only: :test}]
end
""",
    "mix.lock": '%{\n  "phoenix": {:hex},\n  "plug": {:hex},\n}\n',
    "config/config.exs": "import Config\n",
    "lib/shop.ex": "defmodule Shop do\n  alias Shop.Cart\n  def run(x), do: Cart.add(x, 1)\nend\n",
    "lib/shop/cart.ex": """defmodule Shop.Cart do
  use GenServer
  alias Shop.{Item, Priced}
  @behaviour Priced
  defstruct [:items]
  @doc "Adds."
  def add(cart, nil), do: cart
  def add(cart, item), do: Item.check(cart, item)
  @impl true
  def price(cart), do: secret(cart)
  defp secret(cart), do: cart
end
""",
    "lib/shop/item.ex": """defmodule Shop.Item do
  def check(cart, item), do: Shop.Tax.of(cart, item)
end
""",
    "lib/shop/tax.ex": "defmodule Shop.Tax do\n  def of(c, i), do: Shop.Cart.add(c, i)\nend\n",
    "lib/shop/priced.ex": "defmodule Shop.Priced do\n  @callback price(term) :: integer\nend\n",
    "test/shop/cart_test.exs": """defmodule Shop.CartTest do
  use ExUnit.Case
  alias Shop.Cart
  test "adds", do: assert Cart.add(%Cart{}, 1)
end
""",
    "test/test_helper.exs": "ExUnit.start()\n",
    "deps/phoenix/lib/phoenix.ex": "defmodule Phoenix do\n  alias Shop.Cart\nend\n",
    "_build/dev/x.ex": "defmodule Built do\nend\n",
    "README.md": "# Shop\n",
}
MIXED = {
    "package.json": '{"name": "shop", "dependencies": {"react": "18"}}',
    "src/index.ts": 'export { Cart } from "./Cart";\nimport { api } from "./api";\n',
    "src/Cart.tsx": 'import { api } from "./api";\n'
    "export function Cart({ items }: P) { return <b>{items}</b>; }\n",
    "src/api.js": 'import "./index";\nexport const api = { list() {} };\nexport const LIMIT = 1;\n',
    "src/api.test.js": 'import { api } from "./api.js";\ntest("x", () => api.list());\n',
    "py/app.py": "from flask import Flask\nimport os\nfrom py.base import Model\n\n\n"
    "@app.route('/')\ndef home(): ...\n\n\nclass User(Model):\n    def name(self): ...\n",
    "py/base.py": "from abc import ABC\n\n\nclass Model(ABC): ...\n",
    "go/go.mod": "module example.com/g\n",
    "go/main.go": 'package main\n\nimport "example.com/g/st"\n\nfunc main() { st.New() }\n',
    "go/st/st.go": "package st\n\ntype Store interface{ Get() int }\ntype hidden interface{ x() }\n"
    "type Mem struct{}\n\nfunc New() Store { return nil }\n",
    "go/st/more.go": "package st\n\nfunc (m *Mem) Get() int { return 1 }\n",
    "rs/Cargo.toml": '[package]\nname = "r"\n',
    "rs/src/lib.rs": "mod a;\npub trait Shown { fn show(&self); }\n",
    "rs/src/a.rs": "use crate::Shown;\npub struct A;\nimpl Shown for A { fn show(&self) {} }\n",
}


def put(bench: Bench, files: dict[str, str]) -> Path:
    """Write files into the workspace."""
    top = bench.folder / "ws"
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    return top


def ask(bench: Bench, query: str, **keys: Any) -> Any:
    """Return the answer to one query."""
    step = {"name": "q", "type": "codebase_query", "queries": {"x": "QUERY"}, **keys}
    return bench.results(json.dumps([step]).replace('"QUERY"', query))["q"]["x"]


@pytest.fixture
def shop(bench: Bench) -> Path:
    return put(bench, SHOP)


@pytest.fixture
def mixed(bench: Bench) -> Path:
    return put(bench, MIXED)


LIB = ["lib/shop.ex", *(f"lib/shop/{name}.ex" for name in ("cart", "item", "priced", "tax"))]
TESTS = ["test/shop/cart_test.exs", "test/test_helper.exs"]


@pytest.mark.parametrize(
    ("criteria", "files"),
    [
        ("type: main", [*LIB, "mix.exs"]),
        ("type: test", TESTS),
        ("type: config", ["config/config.exs", "mix.exs", "mix.lock"]),
        ("type: source", ["config/config.exs", *LIB, "mix.exs", *TESTS]),
        ("type: source, exclude_tests: true", ["config/config.exs", *LIB, "mix.exs"]),
        ("type: module", LIB),
        ("pattern: 'lib/*.ex'", ["lib/shop.ex"]),
        ("pattern: 'lib/**/*.ex'", LIB),
        ("pattern: '**/{cart,item}*.{ex,exs}'", [LIB[1], LIB[2], TESTS[0]]),
        ("patterns: ['*.md', '*.lock']", ["README.md", "mix.lock"]),
        ("pattern: '**/*.ex', exclude_patterns: ['**/shop/*']", ["lib/shop.ex"]),
        ("language: ex, contains: shop/t", ["lib/shop/tax.ex"]),
        ("extension: exs, type: test", TESTS),
        ("extension: .md", ["README.md"]),
        ("in_directory: lib", LIB),
        ("in_directory: lib/, recursive: false", ["lib/shop.ex"]),
        ("recursive: false", ["README.md", "mix.exs", "mix.lock"]),
        ("related_to: lib/shop/cart.ex, type: test", ["test/shop/cart_test.exs"]),
        ("related_to: ./lib/shop/cart.ex, in_directory: lib", LIB[2:]),
        ("size_max: 20", ["README.md", "config/config.exs", "test/test_helper.exs"]),
        ("size_min: 7, max_size: 7", ["README.md"]),
        ("size_min: 3, min_size: 8, size_max: 9999, max_size: 14", ["config/config.exs"]),
        ("pattern: 'lib/**', sort_by: size, limit: 1", ["lib/shop/cart.ex"]),
        ("type: entry_point", []),
    ],
)
@pytest.mark.usefixtures("shop")
def test_which_files(bench: Bench, criteria: str, files: list[str]) -> None:
    """All criteria hold; what is built or fetched is left out; sorted by path."""
    answer = ask(bench, f"{{find_files: {{{criteria}}}}}")

    assert (files, len(files)) == (answer["files"], answer["count"])


def test_names_that_look_like_patterns(bench: Bench) -> None:
    """A file or folder with brackets in its name is found by that name."""
    put(bench, {"a[1]/pages/[id].js": "function f() {}", "a1/pages/i.js": "function g() {}"})
    step = {"workspace_dir": "a[1]"}

    assert ["pages/[id].js"] == ask(bench, "{find_files: true}", **step)["files"]
    for where in ("in_file", "in_files"):
        answer = ask(bench, f"{{find_functions: {{{where}: 'pages/[id].js'}}}}", **step)
        assert ["f"] == [one["name"] for one in answer["functions"]]
    code = ask(bench, "{find_code: {patterns: function}}", **step)
    assert ["pages/[id].js"] == [one["file"] for one in code["matches"]]


def test_lines_that_are_left_out_do_not_count(bench: Bench) -> None:
    """The limit of `find_code` is for what is told."""
    put(bench, {"deps/a.ex": "x = 1\n" * 50, "lib/a.ex": "x = 1\nx = 2\n"})
    answer = ask(bench, "{find_code: {patterns: [x], limit: 1}}")

    assert ([("lib/a.ex", 1)], False) == (
        [(one["file"], one["line"]) for one in answer["matches"]], answer["complete"],
    )  # fmt: skip


@pytest.mark.usefixtures("shop")
def test_criteria_as_a_list(bench: Bench) -> None:
    """A list of mappings is one mapping, of which the first of a key counts; it is told back."""
    answer = ask(bench, "{find_files: [{type: test}, {extension: .exs}, {type: main}]}")

    assert {
        "files": TESTS, "count": 2, "criteria": {"type": "test", "extension": ".exs"},
    } == answer  # fmt: skip


def test_files_by_their_time(bench: Bench, shop: Path) -> None:
    """By the time at which they were last written, a day or a moment."""
    for path in SHOP:
        os.utime(shop / path, (1_700_000_000, 1_700_000_000))
    os.utime(shop / "lib/shop/tax.ex", (1_800_000_000, 1_800_000_000))

    for since in ("2026-01-01", "2027-01-15T07:59:59Z", "2027-01-15T09:00:00+01:00"):
        answer = ask(bench, f"{{find_files: {{modified_since: '{since}'}}}}")
        assert ["lib/shop/tax.ex"] == answer["files"]
    assert [] == ask(bench, "{find_files: {modified_since: '2027-01-15T08:00:01Z'}}")["files"]
    newest = ask(bench, "{find_files: {sort_by: modified, limit: 1}}")
    assert ["lib/shop/tax.ex"] == newest["files"]


def test_what_git_ignores_is_left_out(bench: Bench, shop: Path) -> None:
    """A .gitignore of the folder counts."""
    (shop / ".gitignore").write_text("/lib/shop/\n*.md\n")

    answer = ask(bench, "{find_files: {exclude_patterns: ['mix.*', 'test/**', 'config/**']}}")

    assert [".gitignore", "lib/shop.ex"] == answer["files"]


@pytest.mark.usefixtures("shop")
def test_functions_of_a_file(bench: Bench) -> None:
    """Lines, signatures, arity; the clauses of a function are one."""
    answer = ask(bench, "{find_functions: [{in_file: lib/shop/cart.ex}, {public_only: true}]}")

    assert answer["functions"][0] == {
        "name": "add", "type": "function", "file": "lib/shop/cart.ex", "line": 7, "end_line": 8,
        "signature": "def add(cart, nil)", "form": "def", "public": True, "owner": "Shop.Cart",
        "annotations": ["doc"], "arity": 2, "clauses": 2,
    }  # fmt: skip
    assert ["add", "price"] == [one["name"] for one in answer["functions"]]
    assert (2, [], 0) == (answer["count"], answer["unparsed"], answer["unparsed_count"])
    assert {"in_file": "lib/shop/cart.ex", "public_only": True} == answer["config"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("name: add", ["add"]),
        ("name: Shop.Cart.add", ["add"]),
        ("pattern: '^(of|ch)'", ["check", "of"]),
        ("with_annotation: '@impl'", ["price"]),
        ("with_annotation: doc, in_files: ['lib/**', 'test/**']", ["add"]),
        ("in_files: 'lib/shop/t*.ex'", ["of"]),
        ("in_file: lib/shop/gone.ex", []),
        ("type: module, in_files: lib/shop.ex", ["Shop"]),
        ("type: function, name: secret", ["secret"]),
        ("type: method", []),
        ("language: python", []),
        ("in_files: '**/*.ex*', exclude_patterns: ['lib/**', 'mix.exs']", []),
    ],
)
@pytest.mark.usefixtures("shop")
def test_which_functions(bench: Bench, asked: str, names: list[str]) -> None:
    """All that is asked for holds."""
    answer = ask(bench, f"{{find_functions: {{{asked}}}}}")

    assert names == [one["name"] for one in answer["functions"]]


@pytest.mark.parametrize(
    ("query", "key", "names"),
    [
        ("find_functions: {with_decorator: '@app.route'}", "functions", ["home"]),
        ("find_functions: {type: method, language: go}", "functions", ["Get"]),
        ("find_classes: {}", "classes", ["A", "Mem", "Model", "User"]),
        ("find_classes: {with_base_class: Model}", "classes", ["User"]),
        ("find_classes: {with_base_class: Shown, language: rs}", "classes", ["A"]),
        ("find_interfaces: true", "interfaces", ["Model", "Shown", "Store", "hidden"]),
        ("find_interfaces: {exported_only: true, language: go}", "interfaces", ["Store"]),
        ("find_modules: {language: go}", "modules", ["main", "st", "st"]),
        ("find_exports: {in_files: '**/*.{jsx,tsx}', type: react_component}", "exports", ["Cart"]),
        ("find_exports: {in_files: src/*.js}", "exports", ["api", "LIMIT"]),
        ("find_exports: {type: constant}", "exports", ["LIMIT"]),
        ("find_exports: {language: py}", "exports", ["home", "User", "Model", "Model"]),
    ],
)
@pytest.mark.usefixtures("mixed")
def test_what_is_defined(bench: Bench, query: str, key: str, names: list[str]) -> None:
    """The same questions for every language."""
    answer = ask(bench, f"{{{query}}}")

    assert sorted(names) == sorted(one["name"] for one in answer[key])
    assert len(names) == answer["count"]


@pytest.mark.usefixtures("mixed")
def test_methods_and_props_and_sources(bench: Bench) -> None:
    """Methods of a Go type are found in its package; an export says where it comes from."""
    (mem,) = ask(bench, "{find_classes: {name: Mem, include_methods: true}}")["classes"]
    (cart,) = ask(bench, "{find_exports: {name: Cart, in_file: src/index.ts}}")["exports"]
    props = ask(bench, "{find_exports: {type: react_component, with_props: true}}")["exports"]

    assert [("Get", "go/st/more.go")] == [(one["name"], one["file"]) for one in mem["methods"]]
    assert ("./Cart", "src/Cart.tsx") == (cart["source"], cart["source_file"])
    assert [["items"]] == [one["props"] for one in props]


@pytest.mark.usefixtures("shop")
def test_elixir_modules(bench: Bench) -> None:
    """By a behaviour; a class is a module with a struct; a behaviour is an interface."""
    found = ask(bench, "{find_modules: {with_behaviour: GenServer, in_files: 'lib/**/*.ex'}}")
    (struct,) = ask(bench, "{find_classes: true}")["classes"]
    (behaviour,) = ask(bench, "{find_interfaces: true}")["interfaces"]

    assert [("Shop.Cart", ["GenServer", "Shop.Priced"])] == [
        (one["name"], one["behaviours"]) for one in found["modules"]
    ]
    assert ("Shop.Cart", "struct") == (struct["name"], struct["form"])
    assert ("Shop.Priced", ["price"]) == (behaviour["name"], behaviour["members"])


@pytest.mark.usefixtures("shop")
def test_references(bench: Bench) -> None:
    """Where a name stands, and whether it is defined there; it says that it is by name alone."""
    answer = ask(bench, "{find_references: [{to_function: add}, {in_files: 'lib/**'}]}")

    assert [
        ("lib/shop.ex", 3, 24, "use"),
        ("lib/shop/cart.ex", 7, 7, "definition"),
        ("lib/shop/cart.ex", 8, 7, "definition"),
        ("lib/shop/tax.ex", 2, 31, "use"),
    ] == [(one["file"], one["line"], one["column"], one["kind"]) for one in answer["references"]]
    assert "by the name alone" in answer["note"]
    short = ask(bench, "{find_references: {name: Shop.Cart, include_line_numbers: false}}")
    assert {"file": "lib/shop.ex", "kind": "use", "text": "alias Shop.Cart"} == (
        short["references"][0]
    )


@pytest.mark.usefixtures("shop")
def test_dependencies_of_a_file(bench: Bench) -> None:
    """Modules by their full names, the files that they are, and what those depend on."""
    direct = ask(bench, "{find_dependencies: {for_file: lib/shop/cart.ex}}")["dependencies"]
    further = ask(
        bench,
        "{find_dependencies: [{for_file: lib/shop.ex}, {include_transitive: true},"
        " {include_stdlib: false}, {max_depth: 2}]}",
    )["dependencies"]

    modules = ["GenServer", "Shop.Item", "Shop.Priced"]
    assert direct == {
        "direct": modules, "transitive": [], "file_specific": {"lib/shop/cart.ex": modules},
        "files": {"direct": ["lib/shop/item.ex", "lib/shop/priced.ex"], "transitive": []},
    }  # fmt: skip
    assert (["Shop.Cart"], ["Shop.Item", "Shop.Priced"]) == (
        further["direct"], further["transitive"],
    )  # fmt: skip
    assert ["lib/shop/item.ex", "lib/shop/priced.ex"] == further["files"]["transitive"]


@pytest.mark.usefixtures("shop")
def test_dependencies_of_the_project(bench: Bench) -> None:
    """What is declared; what a lock file holds beyond is transitive."""
    answer = ask(bench, "{find_dependencies: [{include_transitive: true}]}")

    assert answer["dependencies"] == {
        "direct": ["mox", "phoenix"], "transitive": ["plug"], "file_specific": {},
    }  # fmt: skip


@pytest.mark.usefixtures("shop")
def test_dependents(bench: Bench) -> None:
    """Who depends on a file, how far away; or on a module, also one that is not here."""
    near = ask(bench, "{find_dependents: [{of_file: lib/shop/cart.ex}, {include_tests: true}]}")
    far = ask(
        bench,
        "{find_dependents: {of_file: lib/shop/priced.ex, max_depth: 9, include_tests: false,"
        " group_by_directory: true}}",
    )
    module = ask(bench, "{find_dependents: {of_module: GenServer, max_depth: 2}}")

    assert [
        {"file": "lib/shop.ex", "depth": 1}, {"file": "lib/shop/tax.ex", "depth": 1},
        {"file": "test/shop/cart_test.exs", "depth": 1},
    ] == near["dependents"]  # fmt: skip
    assert [("lib/shop.ex", 2), ("lib/shop/cart.ex", 1), ("lib/shop/item.ex", 3)] == [
        (one["file"], one["depth"]) for one in far["dependents"][:3]
    ]
    folders = {"lib": ["lib/shop.ex"], "lib/shop": [LIB[1], LIB[2], LIB[4]]}
    assert folders == far["by_directory"]
    assert ("lib/shop/cart.ex", 1) == (
        module["dependents"][1]["file"], module["dependents"][1]["depth"],
    )  # fmt: skip


@pytest.mark.usefixtures("shop")
def test_impact(bench: Bench) -> None:
    """Three for each direct one, one for each at all, two for each test."""
    impact = ask(bench, "{analyze_impact: [{file: lib/shop/tax.ex}, {max_depth: 2}]}")
    alone = ask(bench, "{analyze_impact: {file: lib/shop/cart.ex, include_tests: false}}")

    assert impact["impact_analysis"] == {
        "directly_affected": ["lib/shop/item.ex"],
        "potentially_affected": ["lib/shop/cart.ex", "lib/shop/item.ex"],
        "test_files": [], "impact_score": 3 + 2,
    }  # fmt: skip
    assert alone["impact_analysis"] == {
        "directly_affected": ["lib/shop.ex", "lib/shop/tax.ex"],
        "potentially_affected": ["lib/shop.ex", "lib/shop/item.ex", "lib/shop/tax.ex"],
        "test_files": [], "impact_score": 6 + 3,
    }  # fmt: skip
    tested = ask(bench, "{analyze_impact: {file: lib/shop/cart.ex}}")["impact_analysis"]
    assert (["test/shop/cart_test.exs"], 9 + 4 + 2) == (
        tested["test_files"], tested["impact_score"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("files", "asked", "found"),
    [
        (SHOP, "in_directory: lib/", [["lib/shop/cart.ex", "lib/shop/item.ex", "lib/shop/tax.ex"]]),
        (SHOP, "max_cycle_length: 2", []),
        (SHOP, "in_directory: test", []),
        (
            MIXED, "max_cycle_length: 5",
            [
                ["rs/src/a.rs", "rs/src/lib.rs"], ["src/api.js", "src/index.ts"],
                ["src/Cart.tsx", "src/api.js", "src/index.ts"],
            ],
        ),
    ],
)  # fmt: skip
def test_circles(bench: Bench, files: dict[str, str], asked: str, found: list[list[str]]) -> None:
    """Each once, the shortest first, none longer than asked."""
    put(bench, files)
    answer = ask(bench, f"{{find_circular_dependencies: {{{asked}}}}}")

    assert (found, True) == (answer["circular_dependencies"], answer["complete"])


@pytest.mark.usefixtures("mixed")
def test_imports(bench: Bench) -> None:
    """With the files they mean; what is no file here is external, grouped by package."""
    answer = ask(bench, "{find_imports: {in_file: go/main.go}}")
    outside = ask(
        bench, "{find_imports: {in_files: 'py/**', external_only: true, group_by_package: true}}"
    )

    assert answer["imports"] == [{
        "file": "go/main.go", "line": 3, "kind": "import", "target": "example.com/g/st",
        "names": [], "files": ["go/st/more.go", "go/st/st.go"], "external": False,
        "package": "example.com/g/st", "standard": False,
    }]  # fmt: skip
    assert {"abc": ["py/base.py"], "flask": ["py/app.py"], "os": ["py/app.py"]} == (
        outside["packages"]
    )
    assert [False, True, True] == [one["standard"] for one in outside["imports"]]


@pytest.mark.usefixtures("shop")
def test_related_files(bench: Bench) -> None:
    """The surest first; the same file may be related in several ways."""
    answer = ask(bench, "{find_related: [{file: lib/shop/cart.ex}, {types: [test, directory]}]}")

    row = {"file": "test/shop/cart_test.exs", "relation_type": "test", "confidence": 0.9}
    assert row == answer["related_files"][0]
    assert ["directory"] * 3 == [one["relation_type"] for one in answer["related_files"][1:]]
    source = ask(bench, "{find_related: {file: test/shop/cart_test.exs, types: [source]}}")
    assert ["lib/shop/cart.ex"] == [one["file"] for one in source["related_files"]]
    alike = ask(bench, "{find_related: {file: lib/shop/cart.ex, types: [similar]}}")
    assert all(0.7 < one["confidence"] <= 1 for one in alike["related_files"])
    assert ["test/shop/cart_test.exs"] == [one["file"] for one in alike["related_files"]]


@pytest.mark.usefixtures("shop")
def test_the_project(bench: Bench) -> None:
    """Several `get_…` of one query stand together."""
    answer = ask(
        bench,
        "{get_project_type: true, get_dependencies: true, get_structure: true,"
        " get_git_status: true, get_recent_commits: 10, find_entry_points: true}",
    )

    assert ("elixir", "elixir", "phoenix", {"elixir": 9}) == (
        answer["project_type"], answer["language"], answer["framework"], answer["languages"],
    )  # fmt: skip
    assert {"phoenix": "~> 1.7", "mox": "~> 1.0"} == answer["dependencies"]
    assert {"mox": "~> 1.0"} == answer["dependency_groups"]["test"]
    assert ["config", "lib", "lib/shop", "test", "test/shop"] == answer["structure"]["directories"]
    assert TESTS == answer["structure"]["test_files"]
    status = answer["git_status"]
    assert (None, None, None, []) == (
        status["branch"], status["commit"], status["status"], status["changed_files"],
    )  # fmt: skip
    assert "no git repository" in status["reason"]
    assert [] == answer["recent_commits"]


@pytest.mark.usefixtures("mixed")
def test_a_project_of_several_languages(bench: Bench) -> None:
    """The manifest at the top decides; the language is the one with most files of its type."""
    answer = ask(bench, "{get_project_type: true}")

    assert ("javascript", "javascript", "react", ["package.json"]) == (
        answer["project_type"], answer["language"], answer["framework"], answer["manifests"],
    )  # fmt: skip
    entries = ask(bench, "{find_entry_points: true}")["entry_points"]
    assert ["go/main.go", "py/app.py", "rs/src/lib.rs", "src/index.ts"] == entries
    below = ask(bench, "{get_project_type: true}", workspace_dir="go")
    assert ("go", {"go": 3}) == (below["project_type"], below["languages"])


def test_an_empty_folder(bench: Bench) -> None:
    """Nothing is known of it."""
    answer = ask(bench, "{get_project_type: true, find_files: true}")

    assert ("unknown", None, []) == (answer["type"], answer["language"], answer["files"])


def git(folder: Path, *arguments: str) -> None:
    """Run git as a person who committed at a time of their own."""
    who = {"NAME": "Ann", "EMAIL": "ann@example.com", "DATE": "2024-05-01T12:00:00+00:00"}
    names = {f"GIT_{role}_{key}": v for role in ("AUTHOR", "COMMITTER") for key, v in who.items()}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **names}
    subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture
def repository(bench: Bench, shop: Path) -> Path:
    (shop / ".gitignore").write_text("/deps\n/_build\n")
    git(shop, "init", "-q", "-b", "trunk")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "First")
    (shop / "lib/shop.ex").write_text("defmodule Shop do\nend\n")
    git(shop, "commit", "-qam", "Second: empty")
    (shop / "README.md").write_text("# Shop\n\nNew\n")
    (shop / "new ü.txt").write_text("x")
    return shop


@pytest.mark.usefixtures("repository")
def test_history(bench: Bench) -> None:
    """Branch, commit, what is not committed; commits, authors, how often files change."""
    answer = ask(
        bench,
        "{get_git_status: true, get_git_info: true, get_recent_commits: 1,"
        " get_contributors: [{for_files: 'lib/**'}], get_change_frequency: [{minimum_changes: 2}]}",
    )

    status = answer["git_status"]
    assert ("trunk", "dirty", 8) == (status["branch"], status["status"], len(status["commit"]))
    assert [("README.md", "modified"), ("new ü.txt", "untracked")] == [
        (one["file"], one["status"]) for one in status["changed_files"]
    ]
    lines = [line.partition(" ")[2] for line in answer["git_info"]["recent_commits"]]
    assert ["Second: empty", "First"] == lines
    (commit,) = answer["recent_commits"]
    assert ("Ann", "ann@example.com", "2024-05-01T12:00:00+00:00", "Second: empty") == (
        commit["author"], commit["email"], commit["date"], commit["message"],
    )  # fmt: skip
    assert [{"name": "Ann", "email": "ann@example.com", "commits": 2}] == answer["contributors"]
    assert [{"file": "lib/shop.ex", "changes": 2}] == answer["change_frequency"]
    for period, there in (("1 day", False), ("99 years", True)):
        often = ask(bench, f"{{get_change_frequency: {{time_period: {period}}}}}")
        assert there == bool(often["change_frequency"])


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        ("true", ["README.md", "new ü.txt"]),
        ("{since_commit: HEAD~1}", ["README.md", "lib/shop.ex", "new ü.txt"]),
        ("{since: '2024-06-01'}", ["README.md", "new ü.txt"]),
        ("{since: ''}", ["README.md", "new ü.txt"]),
    ],
)
@pytest.mark.usefixtures("repository")
def test_changed_files(bench: Bench, asked: str, files: list[str]) -> None:
    """Since a commit or a moment, what is not committed included."""
    answer = ask(bench, f"{{get_changed_files: {asked}}}")

    assert (files, len(files)) == (
        [one["file"] for one in answer["changed_files"]], answer["changed_count"],
    )  # fmt: skip


@pytest.mark.usefixtures("repository")
def test_changes_in_a_folder_of_the_repository(bench: Bench) -> None:
    """Paths are relative to the folder that is asked about; since before all is everything."""
    everything = ask(
        bench, "{get_changed_files: {since: '1960-01-01', include_stats: true}}",
        workspace_dir="lib",
    )  # fmt: skip
    often = ask(bench, "{get_change_frequency: true, get_git_status: true}", workspace_dir="lib")

    assert [("shop.ex", "added", 2, 0), ("shop/cart.ex", "added", 12, 0)] == [
        (one["file"], one["status"], one["added"], one["removed"])
        for one in everything["changed_files"][:2]
    ]
    assert {"file": "shop.ex", "changes": 2} == often["change_frequency"][0]
    assert ("clean", []) == (often["git_status"]["status"], often["git_status"]["changed_files"])


def test_a_repository_around_that_knows_nothing_of_the_folder(bench: Bench, shop: Path) -> None:
    """A workspace that a repository ignores has no history of its own."""
    git(bench.folder, "init", "-q")
    (bench.folder / ".gitignore").write_text("/ws\n")
    git(bench.folder, "add", ".gitignore")
    git(bench.folder, "commit", "-qm", "x")

    assert "not committed" in ask(bench, "{get_git_status: true}")["git_status"]["reason"]


def test_git_runs_nothing_of_the_repository(bench: Bench, repository: Path) -> None:
    """What a repository's configuration would run is not run."""
    ran = bench.folder / "ran"
    for key in ("diff.external", "core.fsmonitor", "filter.f.clean", "diff.d.textconv"):
        git(repository, "config", key, f"touch {ran}; cat")
    (repository / ".gitattributes").write_text("* filter=f diff=d\n")

    answer = ask(bench, "{get_git_status: true, get_changed_files: {include_stats: true}}")

    assert "dirty" == answer["git_status"]["status"]
    assert not ran.exists()


def test_what_cannot_be_parsed_is_named(bench: Bench, shop: Path) -> None:
    """Broken, binary, too large or not UTF-8: never an empty answer without a word."""
    (shop / "lib/bad.ex").write_text("defmodule Bad do\n  def f(x), do: x\n  def g(, do: %{\nend\n")
    (shop / "lib/binary.ex").write_bytes(b"defmodule \0 do")
    (shop / "lib/latin.ex").write_bytes(b"# \xe9\n")
    (shop / "lib/large.ex").write_text("# x\n" * 500_001)

    answer = ask(bench, "{find_functions: {in_files: 'lib/*.ex'}}")

    assert 4 == answer["unparsed_count"]
    assert ["bad", "binary", "large", "latin"] == [
        Path(one["file"]).stem for one in answer["unparsed"]
    ]
    said = [one["reason"] for one in answer["unparsed"]]
    assert all(
        word in text
        for word, text in zip(
            ("makes no sense", "binary", "2000004 bytes", "no UTF-8"), said, strict=True
        )
    )
    assert "run" in [one["name"] for one in answer["functions"]]


def test_a_manifest_that_cannot_be_read_is_named(bench: Bench) -> None:
    """The others count."""
    put(bench, {"package.json": "{", "a.js": ""})
    answer = ask(bench, "{get_dependencies: true}")

    assert ["package.json"] == [one["file"] for one in answer["unparsed"]]


@pytest.mark.usefixtures("shop")
def test_a_query_that_fails_leaves_the_others(bench: Bench) -> None:
    """Its answer is the error, and the run is told."""
    result = bench.results(
        """
        - name: q
          type: codebase_query
          queries:
            bad: {find_files: {pattern: ../x}}
            worse: {get_project_type: true, find_files: {pattern: /etc/*}}
            code: {find_code: {patterns: ["Cart\\\\.add", "x{3}"], file_types: [ex]}}
            good: {find_files: {extension: .md}}
        """
    )["q"]

    assert "outside the project" in result["bad"]["error"]
    assert ("elixir", True) == (result["worse"]["type"], "error" in result["worse"])
    assert ["README.md"] == result["good"]["files"]
    assert [("lib/shop.ex", 3), ("lib/shop/tax.ex", 2)] == [
        (one["file"], one["line"]) for one in result["code"]["matches"]
    ]
    assert 2 == len([one for one in bench.events if isinstance(one, Warned)])


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("find_files: {related_to: lib/shop/crat.ex}", "files"),
        ("find_related: {file: lib/shop/crat.ex}", "related_files"),
        ("find_functions: {in_file: lib/shop/crat.ex}", "functions"),
        ("find_dependents: {of_file: lib/shop/crat.ex}", "dependents"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_a_file_that_is_not_there(bench: Bench, query: str, key: str) -> None:
    """The answer is empty and names the nearest file."""
    answer = ask(bench, f"{{{query}}}")

    assert [] == answer[key]
    assert answer["note"] == (
        "there is no file 'lib/shop/crat.ex'; did you mean 'lib/shop/cart.ex'?"
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{find_filse: {}}", "unknown key 'find_filse'; did you mean 'find_files'?"),
        ("{find_files: {size_mim: 1}}", "did you mean 'size_min'?"),
        ("{find_files: [{type: tset}]}", "'type' should be 'main', 'test'"),
        ("{find_files: [{limit: 1}, {extnsion: x}]}", "did you mean 'extension'?"),
        ("{find_files: {language: elixr}}", "no language 'elixr'; did you mean 'elixir'?"),
        ("{find_files: {modified_since: yesterday}}", "'yesterday' is no date"),
        ("{find_functions: {pattern: '('}}", "'pattern':"),
        ("{find_functions: {pattern: '(?=a)'}}", "'pattern':"),
        ("{find_dependents: {}}", "'of_file' or 'of_module'"),
        ("{find_references: {in_files: x}}", "'name' or 'to_function'"),
        ("{find_files: {}, find_functions: {}}", "must be queries of their own"),
        ("{find_dependencies: {}, get_dependencies: true}", "must be queries of their own"),
        ("{}", "nothing is asked"),
        ("{get_project_type: false}", "nothing is asked"),
        ("{get_changed_files: {since_commit: --output=x}}", "since_commit"),
        ("{get_change_frequency: {time_period: ages}}", "time_period"),
        ("{find_circular_dependencies: {max_cycle_length: 99}}", "max_cycle_length"),
        ("{analyze_impact: {}}", "key 'file' is missing"),
    ],
)
def test_what_check_finds(bench: Bench, query: str, said: str) -> None:
    """Wrong names and values are told before anything runs."""
    (found,) = bench.complaints(f"- {{name: q, type: codebase_query, queries: {{x: {query}}}}}")

    assert said in found


@pytest.mark.usefixtures("shop")
def test_values_from_templates(bench: Bench) -> None:
    """Any value may come from a template, and is checked then."""
    result = bench.results(
        """
        - {name: v, type: set_variable, variables: {file: lib/shop/tax.ex, most: 1, since: ""}}
        - name: q
          type: codebase_query
          queries:
            near: {find_related: [{file: "{{ state.file }}"}, {max_results: "{{ state.most }}"}]}
            late: {find_files: {modified_since: "{{ state.since }}", extension: .md}}
        """
    )["q"]

    assert 1 == len(result["near"]["related_files"])
    assert ["README.md"] == result["late"]["files"]
    assert "no language 'cobol'" in bench.failure(
        """
        - {name: v, type: set_variable, variables: {lang: cobol}}
        - {name: q, type: codebase_query,
           queries: {x: {find_files: {language: "{{ state.lang }}"}}}}
        """
    )


@pytest.mark.usefixtures("shop")
def test_the_project_in_short(bench: Bench) -> None:
    """`codebase_context` adds it under that name, which no query can then have."""
    queries = "{NAME: {get_language: true}}"
    step = f"{{name: q, type: codebase_query, codebase_context: true, queries: {queries}}}"
    result = bench.results(f"- {step.replace('NAME', 'x')}")["q"]

    assert {"language": "elixir"} == result["x"]
    assert ("elixir", 11) == (
        result["codebase_context"]["project_type"], result["codebase_context"]["file_count"],
    )  # fmt: skip
    assert bench.complaints(f"- {step.replace('NAME', 'codebase_context')}")


@pytest.mark.usefixtures("shop")
def test_a_folder_of_the_workspace(bench: Bench) -> None:
    """Paths are then relative to it; one that is not there fails the step."""
    answer = ask(bench, "{find_files: {pattern: '*.ex'}}", workspace_dir="lib/shop")

    assert ["cart.ex", "item.ex", "priced.ex", "tax.ex"] == answer["files"]
    step = (
        "- {name: q, type: codebase_query, queries: {x: {get_language: true}}, workspace_dir: DIR}"
    )
    assert "there is no such folder" in bench.failure(step.replace("DIR", "nowhere"))
    assert "outside the project" in bench.failure(step.replace("DIR", "../x"))


@pytest.mark.usefixtures("mixed")
def test_the_same_answer_each_time(bench: Bench) -> None:
    """Nothing depends on the order in which files are found."""
    query = "{find_functions: {}, get_structure: true, get_dependencies: true}"

    assert ask(bench, query) == ask(bench, query)
