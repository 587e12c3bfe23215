"""How reports write words: escaped, wrapped, counted and joined. Pure."""

from __future__ import annotations

import textwrap
from typing import Final

WIDTH: Final = 100
"""Characters of a line for a person at most, where its words can be broken."""
_INDENT: Final = "    "
_HOUR: Final = 60
_DAY: Final = 24 * _HOUR


def one_line(text: str) -> str:
    """Show what a terminal would take for a command, such as an escape, as it is written in Python."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


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


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun."""
    return f"1 {singular}" if number == 1 else f"{number} {plural or singular + 's'}"


def duration(minutes: int) -> str:
    """Return a number of minutes in the two largest units that it has."""
    parts = [(minutes // _DAY, "d"), (minutes % _DAY // _HOUR, "h"), (minutes % _HOUR, "min")]
    told = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(told[:2]) or "0 min"
