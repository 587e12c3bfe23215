"""The page of each rule: its docstring in three parts, and the data file of its code.

Decides how a page is put together, not how it looks. The docstring says what the rule checks, why it matters and how to
fix it; the file `pages/CODE.md` holds the source document, what is given beside a program, and a wrong and a right one.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.rules.book import BOOK

if TYPE_CHECKING:
    from pulumi_cloudbackup.rules.book import Rule

_WHY: Final = "Why it matters: "
_FIX: Final = "How to fix it: "
_SECTION: Final = re.compile(r"^## (\w+)\n\n(.*?)(?=\n## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK: Final = re.compile(r"```(\w+)\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """Everything there is to say about one rule."""

    rule: Rule
    checks: str
    """What the rule checks, one paragraph."""
    why: str
    """Why it matters, one paragraph."""
    fix: str
    """How to fix it, one paragraph."""
    source: str
    """The document that says so, or "assumed"."""
    given: str | None
    """What is there beside the programs, in the JSON form of an estate; ``backup_targets``: what policies write to."""
    language: str
    """The language of both programs: python, or yaml for stack configuration."""
    wrong: str
    """A program that breaks the rule."""
    right: str
    """The same program as it should be."""


@cache
def page_of(code: str) -> Page:
    """Return the page of a rule; raise KeyError where there is no such rule."""
    one = BOOK[code]
    checks, why, fix = three_parts(one)
    text = files("pulumi_cloudbackup.rules").joinpath("pages").joinpath(f"{code}.md").read_text(encoding="utf-8")
    sections = {name: body.strip() for name, body in _SECTION.findall(text)}
    (language, wrong), (_, right) = _block(sections["Wrong"]), _block(sections["Right"])
    given = _block(sections["Given"])[1] if "Given" in sections else None
    return Page(one, checks, why, fix, sections["Source"], given, language, wrong, right)


def three_parts(one: Rule) -> tuple[str, str, str]:
    """Take the docstring of a rule apart: what it checks, why it matters, how to fix it; one line each."""
    text = inspect.cleandoc(one.judge.__doc__ or "")
    paragraphs = [" ".join(paragraph.split()).replace("``", "`") for paragraph in text.split("\n\n")]
    if len(paragraphs) != 3 or not paragraphs[1].startswith(_WHY) or not paragraphs[2].startswith(_FIX):  # noqa: PLR2004 - three parts
        raise ValueError(f"The docstring of {one.code} has not its three parts. Please report it.")
    return (
        paragraphs[0],
        _capital(paragraphs[1].removeprefix(_WHY)),
        _capital(paragraphs[2].removeprefix(_FIX)),
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _block(section: str) -> tuple[str, str]:
    found = _BLOCK.search(section)
    assert found is not None  # noqa: S101 - a data file of ours; a test reads them all
    return found.group(1), found.group(2)
