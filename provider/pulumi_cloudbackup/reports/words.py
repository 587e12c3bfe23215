"""How reports write words: escaped, wrapped, counted and joined. Pure."""

from __future__ import annotations

import re
import textwrap
from typing import Final

WIDTH: Final = 100
"""Characters of a line for a person at most, where its words can be broken."""
_INDENT: Final = "    "
_MOST_OF_A_WORD: Final = 1000
"""Longer than any URN that is there to be copied."""
_ENDS: Final = 100
_LONG_WORD: Final = re.compile(rf"\S{{{_MOST_OF_A_WORD + 1},}}")


def one_line(text: str) -> str:
    """Show what a terminal would take for a command, such as an escape, as it is written in Python."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def shortened(text: str) -> str:
    """Leave out the middle of every word that nobody would read, such as a name of many thousand characters."""
    if len(text) <= _MOST_OF_A_WORD:
        return text
    return _LONG_WORD.sub(lambda found: f"{found[0][:_ENDS]}...{found[0][-_ENDS:]}", text)


def wrapped(line: str) -> list[str]:
    """Break a line of prose; one that is indented is there to be copied and stays whole."""
    if is_to_copy(line):
        return [f"{_INDENT}{one_line(line)}"]
    return textwrap.wrap(
        one_line(line),
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )


def is_to_copy(line: str) -> bool:
    """Whether a line is a command or code to copy, not prose."""
    return line.startswith(" ")


def limited(text: str, limit: int) -> str:
    """Return a text of about ``limit`` characters at most, and how much of it is left out."""
    left = len(text) - limit
    return text if left <= 0 else f"{text[:limit]}... ({count(left, 'more character')})"


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun."""
    return f"1 {singular}" if number == 1 else f"{number} {plural or singular + 's'}"
