"""What the live account has to be asked about a program: as little as decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_cloudbackup.resources.account import Question
from pulumi_cloudbackup.resources.holding import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.resolving import Declared


def questions(declared: Sequence[Declared], old: Mapping[str, OldResource] | None) -> dict[str | None, Question]:
    """Return the questions by account: regions of what is declared, was declared, or is a source."""
    found: dict[str | None, Question] = {}
    for one in declared:
        account = one.properties.get("account")
        _ask_about(one, found.setdefault(account if isinstance(account, str) else None, Question()))
    for known in (old or {}).values():
        question = found.get(known.text("account") or None)
        region_id = known.text("region_id")
        if question is None or not region_id:
            continue
        question.regions.add(region_id)
        if known.is_mirror and known.text("source_region_id"):
            question.regions.add(known.text("source_region_id"))
        if not known.is_mirror and known.vault_id:
            question.sources.setdefault(known.vault_id, region_id)
    return found


def _ask_about(one: Declared, question: Question) -> None:
    region_id, source_region_id, source_id, adopt_id = (
        _text(one.properties.get(key)) for key in ("region_id", "source_region_id", "source_vault_id", "adopt_id")
    )
    question.regions |= {region for region in (region_id, source_region_id) if region}
    question.mirrors |= one.declaration.kind == "MirrorVault"
    if source_id and source_region_id and not is_placeholder(source_id):
        question.sources[source_id] = source_region_id
    if adopt_id and region_id:
        question.adopted[adopt_id] = region_id


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.strip() else ""
