"""What both languages of expressions agree on: how much may be made, and what an answer is."""

MAX_TEXT = 10_000_000
"""Characters that an expression may build, and a template may put out."""
MAX_INT_BITS = 4096
ANSWER_KEYS = frozenset(("text", "data", "provider"))
"""The keys by which a model's answer is known: its text where text is expected, its data where a
field is asked for."""
