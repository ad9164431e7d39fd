"""What is found in Rust files, and what only looks like it."""

from __future__ import annotations

from languages.reading import exports, facts, imports, one, rows

FILE = r"""
//! fn in_doc() {}
use std::{fmt::{self, Display}, io::*};
use crate::cart::{Cart, item::Item as Thing};
use self::near::f;
use super::up;
pub use other_crate::Passed;
pub use crate::all::*;
extern crate legacy;
mod near;
#[path = "far/away.rs"]
pub mod far;

pub const LIMIT: u8 = 3;
static HIDDEN: &str = "fn in_string() {}";
const RAW: &str = r#"fn in_raw() {}"#;
/* fn in_comment() {} /* nested */ */

#[derive(Debug, Clone)]
/// a doc comment between
#[serde(rename_all = "camelCase")]
pub struct Cart<T: Clone> { items: Vec<T> }
pub struct Unit;
enum State { Open, Closed(u8) }
pub union Bits { a: u8, b: i8 }
pub type Alias<T> = Vec<T>;

pub trait Shown: Send + Display {
    const NAME: &'static str;
    fn show(&self) -> String;
    fn twice(&self) -> String { self.show() }
}

impl<T: Clone> Cart<T> {
    pub const fn new() -> Self { todo!() }
    pub(crate) async fn add(&mut self, item: T) -> Result<(), ()> where T: Send { Ok(()) }
    fn secret(&self) {}
}
impl<T: Clone> Shown for Cart<T> { fn show(&self) -> String { crate::text::of(self) } }
impl fmt::Display for State { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { Ok(()) } }

pub unsafe extern "C" fn raw(p: *const u8) { fn nested() {} }
#[tokio::main]
async fn main() { let closure = |x| x; println!("fn in_macro() {}"); }
#[macro_export]
macro_rules! shout { ($x:expr) => { fn generated() {} } }
macro_rules! quiet { () => {} }

extern "C" { fn foreign(x: i32) -> i32; }

#[cfg(test)]
mod tests {
    use super::*;
    use super::near::g;
    mod deep { use super::super::up; pub fn inside() {} }
    #[test]
    fn works() {}
}
"""


def test_everything_that_is_defined() -> None:
    """Methods belong to the type of their `impl`; those of a trait are as public as it is."""
    assert rows("lib.rs", FILE) == [
        "9 module -near",
        "11 module far",
        "13 constant LIMIT",
        "14 constant -HIDDEN",
        "15 constant -RAW",
        "21 class Cart",
        "22 class Unit",
        "23 class -State",
        "24 class Bits",
        "25 type Alias",
        "27 interface Shown",
        "28 constant -Shown.NAME",
        "29 method Shown.show",
        "30 method Shown.twice",
        "34 method Cart.new",
        "35 method -Cart.add",
        "36 method -Cart.secret",
        "38 method Cart.show",
        "39 method State.fmt",
        "41 function raw",
        "41 function -raw.nested",
        "43 function -main",
        "45 macro shout",
        "46 macro -quiet",
        "48 function -foreign",
        "51 module -tests",
        "54 module -tests.deep",
        "54 function -tests.deep.inside",
        "56 function -tests.works",
    ]


def test_what_belongs_to_a_definition() -> None:
    """Attributes over comments, traits that are implemented, what a trait asks for."""
    cart = one("lib.rs", FILE, "Cart")

    assert (("derive", "serde"), ("Shown",)) == (cart.marks, cart.bases)
    assert "pub struct Cart<T: Clone>" == cart.signature
    shown = one("lib.rs", FILE, "Shown")
    assert (("Send", "Display"), ("show",)) == (shown.bases, shown.members)
    assert ("tokio::main",) == one("lib.rs", FILE, "main").marks
    add = one("lib.rs", FILE, "add")
    assert (
        "pub(crate) async fn add(&mut self, item: T) -> Result<(), ()> where T: Send"
        == add.signature
    )
    assert ("test",) == one("lib.rs", FILE, "works").marks


def test_imports() -> None:
    """Trees of `use` are taken apart; `super` in a module of the file means the file."""
    assert imports("lib.rs", FILE) == [
        "2 use std::fmt",
        "2 use std::fmt::Display",
        "2 use std::io",
        "3 use crate::cart::Cart",
        "3 use crate::cart::item::Item",
        "4 use self::near::f",
        "5 use super::up",
        "6 use other_crate::Passed",
        "7 use crate::all",
        "8 extern crate legacy",
        "9 mod self::near",
        "11 mod self::file:far/away.rs",
        "38 reference crate::text::of",
        "52 use self",
        "53 use self::near::g",
        "54 use self::up",
    ]


def test_exports() -> None:
    """What is `pub` all the way, and what is passed on."""
    assert exports("lib.rs", FILE) == [
        "far", "LIMIT", "Cart", "Unit", "Bits", "Alias", "Shown", "raw", "shout", "Passed", "*",
    ]  # fmt: skip


def test_where_a_name_stands() -> None:
    """In code and in macros' arguments; not in text."""
    text = 'fn go() { go(); x.go(); println!("go {}", go); } // go'

    assert [4, 11, 19, 43] == [each.column for each in facts("a.rs", text, "go").references]
