"""How reports write Markdown: whatever a plan quotes is text there, and a comment has an end. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from pulumi_cloudbackup.reports.words import count, limited, one_line

COMMENT_LIMIT: Final = 60_000
"""Characters of a comment on a pull request: GitHub takes 65,536, and somebody may add a line."""
_MOST_VALUE: Final = 2_000
"""Characters of one text in a comment: a longer one would leave no room for the others."""
_SPECIAL: Final = str.maketrans(
    {
        **{character: f"&#{ord(character)};" for character in "\\`*_[]|~#!$"},
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        # A name that begins with it would send somebody a message; an element between them prevents that.
        "@": "<code>@</code>",
    }
)
_SCHEME: Final = "://"
_TAG: Final = re.compile(r"</?(?:details|pre)>")
_NOTICE: Final = "\n_Cut here: {} left out of {}. The counts above are of all._\n"


def escaped(value: Any) -> str:
    """Return any text so that Markdown, in a table too, shows it as it is; entities are never markup."""
    return limited(one_line(str(value)), _MOST_VALUE).translate(_SPECIAL).replace(_SCHEME, "&#58;//")


def cut(document: str, limit: int) -> str:
    """Return a document of at most ``limit`` characters: whole lines, everything closed, and how much is left out."""
    if len(document) <= limit:
        return document
    lines = document.splitlines(keepends=True)
    kept, length, opened = 0, 0, list[str]()
    for line in lines:
        after = _opened(opened, line)
        if length + len(line) + len(_end(after, len(lines), len(lines))) > limit:
            break
        kept, length, opened = kept + 1, length + len(line), after
    return ("".join(lines[:kept]) + _end(opened, len(lines) - kept, len(lines)))[: max(limit, 0)]


def _opened(opened: list[str], line: str) -> list[str]:
    """Return what is still open after a line."""
    still = list(opened)
    for tag in _TAG.findall(line):
        if tag.startswith("</"):
            still.pop()
        else:
            still.append(tag)
    return still


def _end(opened: list[str], left: int, lines: int) -> str:
    """Return what closes a document that is cut."""
    closing = "".join(f"{tag.replace('<', '</')}\n\n" for tag in reversed(opened))
    return closing + _NOTICE.format(count(left, "line"), lines)
