"""The stack configuration ``cloudbackup:…`` that says how a program is judged: strictness, waivers, raised quotas."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.rules import Waivers, parse_waivers
from pulumi_cloudbackup.rules.waivers import SETTING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE: Final = "cloudbackup"
CONNECTION_SETTINGS: Final = ("accessKeyId", "accessKeySecret", "endpoint", "preflight", "ownerId")
"""How the service is reached, and as whom."""
JUDGING_SETTINGS: Final = ("strict", "waivers", "limits", "enforce")
"""How problems are taken."""
SETTINGS: Final = (*CONNECTION_SETTINGS, *JUDGING_SETTINGS)
"""The keys of stack configuration, namespace ``cloudbackup``."""
LIMITS: Final = ("vaults", "mirrors_per_region")


@dataclass(frozen=True)
class Judging:
    """How problems are taken in this stack."""

    strict: bool = False
    """Whether warnings are errors."""
    waivers: Waivers = field(default_factory=Waivers)
    """What somebody answers for."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Quotas that the vendor raised: ``vaults``, ``mirrors_per_region``."""
    enforce: bool = True
    """Whether errors stop the program; otherwise they are only told."""


@cache
def judging_of(strict: str | None, waivers: str | None, limits: str | None, enforce: str | None) -> Judging:
    """Read the settings from their texts; raise Refusal where a text is no such setting."""
    return Judging(
        _truth("strict", strict, absent=False),
        _waivers(waivers),
        _limits(limits),
        _truth("enforce", enforce, absent=True),
    )


def judging_from(settings: Mapping[str, str]) -> Judging:
    """Read the settings that say how problems are taken."""
    return judging_of(*(settings.get(name) or None for name in JUDGING_SETTINGS))


def misspelt(keys: Iterable[str]) -> list[str]:
    """Say of every key of our namespace that means nothing, what may have been meant."""
    told = []
    for key in sorted(keys):
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE and name not in SETTINGS:
            near = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.6)
            meant = f"Did you mean {NAMESPACE}:{near[0]}?" if near else f"The settings are: {', '.join(SETTINGS)}."
            told.append(f"{key} is set, but there is no such setting. {meant}")
    return told


def _truth(name: str, written: str | None, *, absent: bool) -> bool:
    if written is None:
        return absent
    if written.strip().lower() not in ("true", "false"):
        raise Refusal(f"{NAMESPACE}:{name} is {written!r}. Set it to true or false.")
    return written.strip().lower() == "true"


def _waivers(written: str | None) -> Waivers:
    return parse_waivers(_json(SETTING, written, "a list of objects with code, resource, reason and expires"))


def _limits(written: str | None) -> Mapping[str, int]:
    if written is None:
        return {}
    what = f"an object with {' and '.join(LIMITS)}, such as {{vaults: 200}}"
    found = _json(f"{NAMESPACE}:limits", written, what)
    usable = isinstance(found, dict) and all(
        name in LIMITS and isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
        for name, limit in found.items()
    )
    if not usable:
        raise Refusal(f"{NAMESPACE}:limits is {written}. Make it {what}, as the vendor has raised them.")
    return dict(found)


def _json(setting: str, written: str | None, what: str) -> Any:
    if written is None:
        return None
    try:
        return json.loads(written)
    except ValueError:
        raise Refusal(f"{setting} is not readable: {written!r}. Make it {what}.") from None
