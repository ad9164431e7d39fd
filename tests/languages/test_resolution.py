"""Which files imports mean, on small projects of each language."""

from __future__ import annotations

from typing import Any

import pytest

from otp_genesis.languages.layout import Layout, tsconfig_aliases
from otp_genesis.languages.manifests import read_manifest
from otp_genesis.languages.names import language_of
from otp_genesis.languages.resolution import resolved
from otp_genesis.languages.standard import is_standard, package_of
from otp_genesis.languages.table import read

ELIXIR = {
    "mix.exs": "defmodule Shop.MixProject do\n use Mix.Project\nend",
    "lib/shop.ex": "defmodule Shop do\n alias Shop.{Cart, Item}\n Cart.a(Item)\nend",
    "lib/shop/cart.ex": "defmodule Shop.Cart do\n use Shop.Base\n Shop.Gone.x()\n Jason.y()\nend",
    "lib/shop/item.ex": "defmodule Shop.Item do\n defmodule Price do\n end\n Price.x()\nend",
    "lib/shop/base.ex": "defmodule Shop.Base do\n import Shop.Item.Price\n require Shop\nend",
    "test/cart_test.exs": "defmodule T do\n alias Shop.Cart, as: C\n %C{}\nend",
}
PYTHON = {
    "src/shop/__init__.py": "from .cart import Cart",
    "src/shop/cart.py": "import os, requests\nfrom shop import item\nfrom . import tax, nothing",
    "src/shop/item.py": "import shop.tax.rate\nfrom .. import up",
    "src/shop/tax/__init__.py": "",
    "src/shop/tax/rate.py": "from ..cart import Cart as C\nfrom ...far import x",
    "tests/test_cart.py": "from shop.cart import Cart\nimport helper\nfrom shop import *",
    "tests/helper.py": "import json",
    "src/shop/json.py": "import json",
}
SCRIPT = {
    "package.json": '{"name": "shop"}',
    "tsconfig.json": '{"compilerOptions": {/* c */ "baseUrl": ".", "paths": {"@/*": ["src/*"],},}}',
    "src/index.ts": 'export * from "./cart"; import x from "@/deep"; import y from "src/item";',
    "src/cart.ts": 'import { Item } from "./item.js"; import r from "react"; import "./gone";',
    "src/item.tsx": 'const c = require("./cart"); import("./deep/index");',
    "src/deep/index.js": 'import a from ".."; import b from "../data.json"; import "./a.css?x";',
    "src/data.json": "{}",
    "src/deep/a.css": "",
}
GO = {
    "go.mod": "module example.com/shop\n\ngo 1.22\n",
    "main.go": 'package main\nimport (\n "fmt"\n "example.com/shop/cart"\n "example.com/other"\n)',
    "cart/cart.go": 'package cart\nimport "example.com/shop/cart/item"',
    "cart/more.go": "package cart",
    "cart/cart_test.go": 'package cart\nimport "example.com/shop"',
    "cart/item/item.go": "package item",
}
RUST = {
    "Cargo.toml": '[package]\nname = "my-shop"',
    "src/lib.rs": "pub mod cart;\nmod item;\nuse cart::Cart;\nuse std::io;\nuse serde::X;",
    "src/main.rs": "use my_shop::cart::Cart;\nuse my_shop::Top;",
    "src/cart/mod.rs": "mod line;\nuse super::item::Item;\nuse self::line::L;\nuse crate::Top;",
    "src/cart/line.rs": "use super::super::item;\nfn f() { crate::cart::new(); super::new(); }",
    "src/item.rs": '#[path = "odd/place.rs"]\nmod odd;\nmod inner { use super::super::cart; }',
    "src/odd/place.rs": "",
    "tests/all.rs": "mod near;\nuse my_shop::item;",
    "tests/near.rs": "use super::x;",
}


def linked(files: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """Return for each file what it imports, and the files that this means."""
    facts = {path: read(path, text) for path, text in files.items() if language_of(path)}
    manifests = [read_manifest(path, text) for path, text in files.items()]
    aliases = {"": tsconfig_aliases("tsconfig.json", files.get("tsconfig.json", "{}"))}
    known = tuple(one for one in manifests if one is not None)
    layout = Layout(frozenset(files), facts, known, aliases)
    return {
        path: {one.target: list(resolved(layout, path, one)) for one in told.imports}
        for path, told in facts.items()
        if told.imports
    }


def test_elixir() -> None:
    """A module is the file that defines it, wherever that is; no file imports itself."""
    assert linked(ELIXIR) == {
        "mix.exs": {"Mix.Project": []},
        "lib/shop.ex": {"Shop.Cart": ["lib/shop/cart.ex"], "Shop.Item": ["lib/shop/item.ex"]},
        "lib/shop/cart.ex": {"Shop.Base": ["lib/shop/base.ex"], "Shop.Gone": [], "Jason": []},
        "lib/shop/item.ex": {"Shop.Item.Price": []},
        "lib/shop/base.ex": {"Shop.Item.Price": ["lib/shop/item.ex"], "Shop": ["lib/shop.ex"]},
        "test/cart_test.exs": {"Shop.Cart": ["lib/shop/cart.ex"]},
    }


def test_python() -> None:
    """Absolute and relative; a name is a submodule if there is one; `src` is a beginning too."""
    assert linked(PYTHON) == {
        "src/shop/__init__.py": {".cart": ["src/shop/cart.py"]},
        "src/shop/cart.py": {
            "os": [], "requests": [], "shop": ["src/shop/item.py"],
            ".": ["src/shop/__init__.py", "src/shop/tax/__init__.py"],
        },
        "src/shop/item.py": {"shop.tax.rate": ["src/shop/tax/rate.py"], "..": []},
        "src/shop/tax/rate.py": {"..cart": ["src/shop/cart.py"], "...far": []},
        "tests/test_cart.py": {
            "shop.cart": ["src/shop/cart.py"], "helper": ["tests/helper.py"],
            "shop": ["src/shop/__init__.py"],
        },
        "tests/helper.py": {"json": []},
        "src/shop/json.py": {"json": []},
    }  # fmt: skip


def test_javascript_and_typescript() -> None:
    """With and without an ending, folders with an index, `.js` for `.ts`, paths of tsconfig."""
    assert linked(SCRIPT) == {
        "src/index.ts": {
            "./cart": ["src/cart.ts"], "@/deep": ["src/deep/index.js"],
            "src/item": ["src/item.tsx"],
        },
        "src/cart.ts": {"./item.js": ["src/item.tsx"], "react": [], "./gone": []},
        "src/item.tsx": {"./cart": ["src/cart.ts"], "./deep/index": ["src/deep/index.js"]},
        "src/deep/index.js": {
            "..": ["src/index.ts"], "../data.json": ["src/data.json"],
            "./a.css?x": ["src/deep/a.css"],
        },
    }  # fmt: skip


def test_go() -> None:
    """A package is the files of its folder, tests left out."""
    assert linked(GO) == {
        "main.go": {
            "fmt": [], "example.com/other": [],
            "example.com/shop/cart": ["cart/cart.go", "cart/more.go"],
        },
        "cart/cart.go": {"example.com/shop/cart/item": ["cart/item/item.go"]},
        "cart/cart_test.go": {"example.com/shop": ["main.go"]},
    }  # fmt: skip


def test_rust() -> None:
    """Modules, `crate`, `self`, `super`, a given path, and the crate by its own name."""
    assert linked(RUST) == {
        "src/lib.rs": {
            "self::cart": ["src/cart/mod.rs"], "self::item": ["src/item.rs"],
            "cart::Cart": ["src/cart/mod.rs"], "std::io": [], "serde::X": [],
        },
        "src/main.rs": {"my_shop::cart::Cart": ["src/cart/mod.rs"], "my_shop::Top": ["src/lib.rs"]},
        "src/cart/mod.rs": {
            "self::line": ["src/cart/line.rs"], "super::item::Item": ["src/item.rs"],
            "self::line::L": ["src/cart/line.rs"], "crate::Top": ["src/lib.rs"],
        },
        "src/cart/line.rs": {
            "super::super::item": ["src/item.rs"], "crate::cart::new": ["src/cart/mod.rs"],
            "super::new": ["src/cart/mod.rs"],
        },
        "src/item.rs": {
            "self::file:odd/place.rs": ["src/odd/place.rs"], "super::cart": ["src/cart/mod.rs"],
        },
        "tests/all.rs": {"self::near": ["tests/near.rs"], "my_shop::item": ["src/item.rs"]},
        "tests/near.rs": {"super::x": []},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "target", "told"),
    [
        ("elixir", "Enum", ("Enum", True)),
        ("elixir", "Ecto.Query", ("Ecto", False)),
        ("python", "os.path", ("os", True)),
        ("python", "requests.auth", ("requests", False)),
        ("javascript", "node:fs", ("node:fs", True)),
        ("typescript", "fs/promises", ("fs", True)),
        ("typescript", "@scope/pkg/sub", ("@scope/pkg", False)),
        ("go", "net/http", ("net/http", True)),
        ("go", "github.com/a/b/c/d", ("github.com/a/b", False)),
        ("rust", "std::io", ("std", True)),
        ("rust", "serde::de", ("serde", False)),
    ],
)
def test_packages(language: str, target: str, told: Any) -> None:
    """The package of an import, and whether it comes with the language."""
    package = package_of(language, target)

    assert told == (package, is_standard(language, package))
