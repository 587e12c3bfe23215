"""The rules that one resource decides by itself, asked together.

Each kind of resource has two groups of questions: about its texts (name, description, tags), which differ from one
resource to the next, and about its settings, which many resources share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate.mirror import mirror_encrypt_type
from pulumi_cloudbackup.rules.book import Verdict, judge

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate import MirrorVault, Source, Vault


def judge_vault(vault: Vault, live_regions: tuple[str, ...] | None = None) -> Verdict:
    """Judge a vault by its own arguments; ``live_regions``: the live list, where one was asked for."""
    return _together(vault_texts(vault), vault_settings(vault, live_regions))


def judge_mirror(
    mirror: MirrorVault,
    source: Source,
    live_regions: tuple[str, ...] | None = None,
    live_mirror_regions: tuple[str, ...] | None = None,
) -> Verdict:
    """Judge a mirror by its own arguments and what is known about its source.

    ``live_mirror_regions``: the live list of regions that take mirrors; absent: ``live_regions`` stands for both.
    """
    return _together(mirror_texts(mirror), mirror_settings(mirror, source, live_regions, live_mirror_regions))


def vault_texts(vault: Vault) -> Verdict:
    """Judge what a vault is called and tagged with."""
    return judge(("CB101", "CB102", "CB108"), vault.name, vault)


def mirror_texts(mirror: MirrorVault) -> Verdict:
    """Judge what a mirror is called."""
    return judge(("CB101", "CB102"), mirror.name, mirror)


def vault_settings(vault: Vault, live_regions: tuple[str, ...] | None) -> Verdict:
    """Judge everything else that a vault decides by itself."""
    return _together(
        judge(("CB103",), vault.name, vault, live_regions),
        judge(("CB104",), vault.name, vault),
        judge(("CB106", "CB107"), vault.name, vault.name, vault.encrypt_type, vault.kms_key_id),
        judge(("CB110",), vault.name, vault.name, vault.encrypt_type),
    )


def mirror_settings(
    mirror: MirrorVault,
    source: Source,
    live_regions: tuple[str, ...] | None,
    live_mirror_regions: tuple[str, ...] | None,
) -> Verdict:
    """Judge everything else that a mirror and the facts about its source decide."""
    mirror_regions = live_regions if live_mirror_regions is None else live_mirror_regions
    return _together(
        judge(("CB103",), mirror.name, mirror, live_regions),
        _source_region(mirror, live_regions),
        judge(("CB106", "CB107"), mirror.name, mirror.name, mirror_encrypt_type(mirror, source), mirror.kms_key_id),
        judge(("CB110",), mirror.name, mirror.name, mirror.encrypt_type),
        judge(("CB201", "CB204", "CB205", "CB206", "CB208"), mirror.name, mirror, source),
        judge(("CB207",), mirror.name, mirror, mirror_regions),
        judge(("CB209",), mirror.name, mirror),
    )


@dataclass(frozen=True)
class _Place:
    """Something in a region, for the rule that asks whether there is such a region."""

    name: str
    region_id: str


def _source_region(mirror: MirrorVault, live_regions: tuple[str, ...] | None) -> Verdict:
    """Judge the region that is written beside the id of a source; an empty one is no vault at all (CB100)."""
    source = mirror.source
    if isinstance(source, str) or not isinstance(source.region_id, str) or not source.region_id:
        return Verdict((), ())
    return judge(("CB103",), mirror.name, _Place(f"source of {mirror.name}", source.region_id), live_regions)


def _together(*verdicts: Verdict) -> Verdict:
    """Put verdicts about one resource together, in the order of the codes."""
    return Verdict(
        tuple(sorted((one for verdict in verdicts for one in verdict.problems), key=lambda problem: problem.code)),
        tuple(sorted((open_ for verdict in verdicts for open_ in verdict.not_yet_known), key=lambda open_: open_[0])),
    )
