"""The owner marker: which Pulumi resource manages a vault, written on the vault itself.

The service has no idempotency token, but a description is written in the very call that creates a vault. Decides how
the marker looks, how it is put on a description and taken off again. Must not know Pulumi: the parts are arguments.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

READABLE_LIMIT: Final = 48
"""Characters of the readable part at most; the hash tells owners apart, the readable part tells people."""
_HASH_LENGTH: Final = 16
_MARKER = re.compile(r"(?:^|\s)\[pulumi:([^\[\]#\s]{0,48}#[a-z2-7]{16})\]\s*$")
_UNREADABLE = re.compile(r"[^A-Za-z0-9._/-]+")


@dataclass(frozen=True)
class Description:
    """A live description, taken apart."""

    text: str
    """What a person wrote, without the marker."""
    owner: str | None
    """The owner that the marker names; ``None`` where there is no marker."""


def owner_of(  # noqa: PLR0913 - the parts that make a resource unique, all needed, all named
    *, organization: str, owner_id: str, project: str, stack: str, parent_types: str, resource_type: str, name: str
) -> str:
    """Return the owner of one Pulumi resource: a readable part, ``#``, and 16 characters of a SHA-256 hash.

    ``owner_id`` is the optional configuration ``cloudbackup:ownerId`` that tells backends apart; ``parent_types`` is
    the parent type chain of the URN (``a$b``, empty at the top), because resources of one name under two component
    types are two resources.
    """
    parts = [organization, owner_id, project, stack, parent_types, resource_type, name]
    digest = hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).digest()
    code = base64.b32encode(digest).decode().lower()[:_HASH_LENGTH]
    readable = _UNREADABLE.sub("-", f"{project}/{stack}/{name}")[:READABLE_LIMIT]
    return f"{readable}#{code}"


def marked(text: str | None, owner: str) -> str:
    """Return the description that is sent to the service: what the person wrote, then the marker."""
    return f"{text} [pulumi:{owner}]" if text else f"[pulumi:{owner}]"


def marker_length(owner: str) -> int:
    """Return how many characters of a description the marker takes, the blank before it included."""
    return len(marked("x", owner)) - 1


def split_description(live: str | None) -> Description:
    """Take a live description apart; a description without a marker has no owner."""
    found = _MARKER.search(live or "")
    if found is None:
        return Description(live or "", None)
    return Description((live or "")[: found.start()], found.group(1))


def readable_owner(owner: str) -> str:
    """Return the part of an owner that a person reads: project/stack/name."""
    return owner.partition("#")[0]
