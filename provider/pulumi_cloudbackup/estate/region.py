"""Regions that Cloud Backup serves, as far as documents say.

Decides nothing: it reads the data file beside it. The live list of a real account is the authority; this list is used
offline, where an unknown region is a warning and not an error (reference/hbr-api.md 5.2).
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Region:
    """A region as documents describe it."""

    id: str
    """The region id, such as ``cn-hangzhou``."""
    display_name: str
    """The name that the console shows, such as ``China (Hangzhou)``."""
    zrs: bool
    """Whether zone-redundant vaults exist there (product page, last FAQ)."""
    mirror: bool | None
    """Whether mirror vaults are known to work there; ``None``: no document says (hbr-api.md 5.2)."""


@cache
def regions() -> Mapping[str, Region]:
    """Return the documented regions by id, in the order of the reference."""
    text = files("pulumi_cloudbackup.estate").joinpath("regions.json").read_text(encoding="utf-8")
    return MappingProxyType({entry["id"]: Region(**entry) for entry in json.loads(text)["regions"]})


@lru_cache(maxsize=1000)
def nearest_region_ids(written: str, limit: int = 3) -> tuple[str, ...]:
    """Return the documented region ids nearest to what was written, best first; none if nothing is near."""
    known = regions()
    by_text = {region.id: region.id for region in known.values()}
    by_text |= {region.display_name.lower(): region.id for region in known.values()}
    matches = difflib.get_close_matches(written.strip().lower(), by_text, n=limit * 2, cutoff=0.5)
    return tuple(dict.fromkeys(by_text[match] for match in matches))[:limit]
