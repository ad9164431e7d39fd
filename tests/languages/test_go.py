"""What is found in Go files, and what only looks like it."""

from __future__ import annotations

from languages.reading import facts, imports, one, rows

FILE = r"""
// Package cart: func inComment() {}
package cart

import "fmt"
import (
	str "strings"
	_ "example.com/shop/side"
	. "example.com/dot"
	`raw/path`
)

const Limit, hidden = 3, 4
const (
	A = iota
	b
)

var text = "func inString() {}"
var raw = `
func inRaw() {}
`

type Cart struct {
	Base
	*Embedded
	items []int
}
type (
	Shown interface {
		Show(x int) (string, error)
		fmt.Stringer
	}
	Number interface{ ~int | ~float64 }
	ID     string
	Alias  = Cart
	List[T any] struct{ head *T }
	fn func(int) int
)

//go:noinline
//go:nosplit
func New[T any, U comparable](a, b int, rest ...string) (*Cart, error) {
	inner := func() {}
	inner()
	type local struct{}
	return nil, nil
}

func (c *Cart) Add(item int) {}
func (c Cart) size() int     { return 0 }
func (l *List[T]) Push(x T)  {}
func (Cart) Anonymous()      {}
func init()                  {}
func main()                  {}
func assembled(x int) int
func (c *Cart) With(
	a int,
) func() error {
	return nil
}
"""


def test_everything_that_is_defined() -> None:
    """A capital is public; a method belongs to its receiver's type."""
    assert rows("cart.go", FILE) == [
        "2 module cart",
        "12 constant Limit",
        "12 constant -hidden",
        "14 constant A",
        "15 constant -b",
        "23 class Cart",
        "29 interface Shown",
        "33 interface Number",
        "34 type ID",
        "35 type Alias",
        "36 class List",
        "37 type -fn",
        "42 function New",
        "49 method Cart.Add",
        "50 method -Cart.size",
        "51 method List.Push",
        "52 method Cart.Anonymous",
        "53 function -init",
        "54 function -main",
        "55 function -assembled",
        "56 method Cart.With",
    ]


def test_what_belongs_to_a_definition() -> None:
    """Signatures, directives before a function, embedded types, an interface's methods."""
    new = one("cart.go", FILE, "New")

    assert "func New[T any, U comparable](a, b int, rest ...string) (*Cart, error)" == new.signature
    assert (("go:noinline", "go:nosplit"), 47) == (new.marks, new.end_line)
    assert () == one("cart.go", FILE, "Add").marks
    assert "func (c *Cart) With( a int, ) func() error" == one("cart.go", FILE, "With").signature
    assert ("Base", "Embedded") == one("cart.go", FILE, "Cart").bases
    shown = one("cart.go", FILE, "Shown")
    assert (("Show",), ("fmt.Stringer",)) == (shown.members, shown.bases)
    assert "" == facts("cart.go", FILE).problem


def test_imports() -> None:
    """Alone and in groups, with and without a name."""
    assert imports("cart.go", FILE) == [
        "4 import fmt",
        "6 import strings",
        "7 import example.com/shop/side",
        "8 import example.com/dot",
        "9 import raw/path",
    ]


def test_where_a_name_stands() -> None:
    """Types, fields and calls; not text, not comments."""
    text = 'package a\nfunc Go() { b.Go(); x := Go{}; y := "Go" } // Go\n'

    assert [6, 15, 26] == [each.column for each in facts("a.go", text, "Go").references]
