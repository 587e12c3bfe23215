"""What the live account has to be asked about a program: as little as decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_cloudbackup.resources.account import Question
from pulumi_cloudbackup.resources.holding import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.resolving import Declared
    from pulumi_cloudbackup.resources.session import Session


def questions_for(
    session: Session, declared: Sequence[Declared], old: Mapping[str, OldResource] | None
) -> dict[str | None, Question]:
    """Return the questions to those accounts that may be asked; raise Refusal where a setting means nothing."""
    return {account: one for account, one in questions(declared, old).items() if session.asks_in_preview(account)}


def questions(declared: Sequence[Declared], old: Mapping[str, OldResource] | None) -> dict[str | None, Question]:
    """Return the questions by account: regions of what is declared, was declared, or is a source."""
    found: dict[str | None, Question] = {}
    for one in declared:
        _ask_about(one, found.setdefault(_account(one), Question()))
    for known in (old or {}).values():
        region_id = known.text("region_id")
        if not region_id:
            continue
        question = found.setdefault(known.text("account") or None, Question())
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


def _account(one: Declared) -> str | None:
    account = one.properties.get("account")
    return account if isinstance(account, str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.strip() else ""
