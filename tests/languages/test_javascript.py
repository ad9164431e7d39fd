"""What is found in JavaScript and TypeScript files, and what only looks like it."""

from __future__ import annotations

from languages.reading import exports, facts, imports, one, rows

SCRIPT = r"""
import def, { a as b } from "./x.js";
import * as all from '../y';
import "side-effect";
const r = require("./r"), other = require(name);
export * from "./star";
export * as ns from "./ns";
export { c as d, default as e } from "./named";
// function inComment() {}
const s = "function inString() {}", t = `function inTemplate() {}`, re = /function inRegex() {}/;

export default async function main(x) { await import("./late"); function inner() {} }
export function* generate() {}
function hidden() {}
export const arrow = async ({ k }) => k, LIMIT = 3;
const plain = function named() {};
export let { taken, from: renamed } = s;

export class Cart extends Base {
  static make() {}
  #secret() {}
  get total() { return 1 }
  set total(v) {}
  async *walk() {}
  handler = () => this;
  ["computed"]() {}
}
class Local {}
const Expr = class Named {};
const api = { list() {}, show: () => 1, edit: function () {}, "quoted-key": () => 1 };
Cart.prototype.added = function () {};
export { Local, hidden as shown };
"""
COMMON = r"""
const x = require("x");
function helper() {}
const lib = function () {};
module.exports = { helper, other: lib, inline() {} };
exports.later = () => 1;
module.exports.last = helper;
"""
TYPED = r"""
import type { T } from "./t";
import fs = require("fs");
@Injectable({ in: "root" })
export class Service<T> extends Base<T> implements A, B.C {
  constructor(private readonly x: X) {}
  @Get("/") list(): void {}
  private own() {}
  protected near() {}
  public static open<U>(u: U): U { return u }
  @Input() handler = (e: Event) => {};
  override run(): void {}
}
export abstract class Shape { abstract area(): number; name(): string { return "" } }
export interface Shown extends Base, Other<number> { show(): string; readonly id: X; f?: F }
export type Id = string | number;
export type Point = { x: number; y: number };
export enum Color { Red }
const enum Hidden { A }
export declare function declared(a: number): void;
export function over(a: string): string;
export function over(a: number): number;
export function over(a: any) { return a }
export const cast = <T,>(x: T): T => x;
namespace Inner { export function deep() {} }
declare module "other" { export function ambient(): void }
// interface InComment {}
const text = "interface InString {}";
export type { T };
"""
ELEMENTS = r"""
export function Card({ title, size = 1, ...rest }: Props) { return <div>{title}</div>; }
export const Small = ({ a }) => <b>{a}</b>;
export const Memo = memo((props: Props) => <Card title={props.t} />);
export default class Page extends React.Component<Props> { render() { return null } }
export function useThing() { return <i /> }
export const NotOne = compute(3);
function Inner() { return <p /> }
"""


def test_everything_that_is_defined() -> None:
    """Functions in all their forms, methods, fields; what is exported is public."""
    assert rows("m.js", SCRIPT) == [
        "11 function main",
        "11 function -main.inner",
        "12 function generate",
        "13 function hidden",
        "14 constant LIMIT",
        "14 function arrow",
        "15 function -plain",
        "18 class Cart",
        "19 method Cart.make",
        "20 method -Cart.#secret",
        "21 method Cart.total",
        "22 method Cart.total",
        "23 method Cart.walk",
        "24 method Cart.handler",
        '25 method Cart.["computed"]',
        "27 class Local",
        "28 class -Named",
        "29 method -api.list",
        "29 method -api.show",
        "29 method -api.edit",
        "30 method -added",
    ]


def test_imports() -> None:
    """Modules, side effects, `require` and `import()` of a literal, what is passed on."""
    assert imports("m.js", SCRIPT) == [
        "1 import ./x.js",
        "2 import ../y",
        "3 import side-effect",
        "4 require ./r",
        "5 export ./star",
        "6 export ./ns",
        "7 export ./named",
        "11 dynamic ./late",
    ]


def test_exports() -> None:
    """By `export`, with other names, taken apart, passed on; by `module.exports`."""
    assert exports("m.js", SCRIPT) == [
        "*", "ns", "d", "e", "default", "generate", "arrow", "LIMIT", "taken", "renamed", "Cart",
        "Local", "shown",
    ]  # fmt: skip
    assert exports("m.cjs", COMMON) == ["helper", "other", "inline", "later", "last"]
    assert {"helper": True, "lib": True, "inline": True, "later": True} == {
        each.name: each.public for each in facts("m.cjs", COMMON).definitions
    }


def test_everything_that_is_typed() -> None:
    """Classes with decorators, interfaces, types, enums, overloads, namespaces."""
    assert rows("m.ts", TYPED) == [
        "4 class Service",
        "5 method Service.constructor",
        "6 method Service.list",
        "7 method -Service.own",
        "8 method -Service.near",
        "9 method Service.open",
        "10 method Service.handler",
        "11 method Service.run",
        "13 class Shape",
        "13 method Shape.area",
        "13 method Shape.name",
        "14 interface Shown",
        "15 interface Id",
        "16 interface Point",
        "17 type Color",
        "18 type -Hidden",
        "19 function declared",
        "20 function over",
        "21 function over",
        "22 function over",
        "23 function cast",
        "24 module -Inner",
        "24 function -Inner.deep",
        "25 module -other",
        "25 function -other.ambient",
    ]
    assert ["1 import ./t", "2 import fs"] == imports("m.ts", TYPED)


def test_what_belongs_to_a_typed_definition() -> None:
    """Decorators, bases, members, signatures."""
    service = one("m.ts", TYPED, "Service")

    assert (("Injectable",), ("Base", "A", "B.C")) == (service.marks, service.bases)
    assert "export" not in service.signature
    assert ("Get",) == one("m.ts", TYPED, "list").marks
    assert ("Input",) == one("m.ts", TYPED, "handler").marks
    assert () == one("m.ts", TYPED, "open").marks
    shown = one("m.ts", TYPED, "Shown")
    assert (("Base", "Other<number>"), ("show", "id", "f")) == (shown.bases, shown.members)
    assert ("x", "y") == one("m.ts", TYPED, "Point").members
    assert "public static open<U>(u: U): U" == one("m.ts", TYPED, "open").signature
    assert ["overload", "overload", "function"] == [
        each.form for each in facts("m.ts", TYPED).definitions if each.name == "over"
    ]


def test_components() -> None:
    """A name with a capital and an element in it, or a component class; with its props."""
    found = {each.name: each for each in facts("m.tsx", ELEMENTS).definitions}

    assert {"Card", "Small", "Memo", "Page", "Inner"} == {
        name for name, each in found.items() if each.component
    }
    assert ("title", "size", "...rest") == found["Card"].members
    assert "NotOne" not in found


def test_a_script_without_exports_hides_nothing() -> None:
    """Where a file exports nothing, what is at its top is public."""
    assert ["1 function a", "1 function -a.b"] == rows("m.js", "function a() { function b() {} }")


def test_where_a_name_stands() -> None:
    """In code, also within elements and templates; not in text."""
    text = "go(); a.go; ({ go, x: 1 }); `${go} go`; 'go'; // go"

    assert [1, 9, 16, 32] == [each.column for each in facts("m.js", text, "go").references]
