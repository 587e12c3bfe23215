"""The rules that one resource decides by itself, asked together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate.mirror import mirror_encrypt_type
from pulumi_cloudbackup.rules.book import Verdict, judge

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate import MirrorVault, Source, Vault


def judge_vault(vault: Vault, live_regions: tuple[str, ...] | None = None) -> Verdict:
    """Judge a vault by its own arguments; ``live_regions``: the live list, where one was asked for."""
    return _together(
        _own(vault),
        judge(("CB103",), vault.name, vault, live_regions),
        judge(("CB104", "CB108"), vault.name, vault),
        judge(("CB106", "CB107"), vault.name, vault.name, vault.encrypt_type, vault.kms_key_id),
        judge(("CB110",), vault.name, vault.name, vault.encrypt_type),
    )


def judge_mirror(mirror: MirrorVault, source: Source, live_regions: tuple[str, ...] | None = None) -> Verdict:
    """Judge a mirror by its own arguments and what is known about its source."""
    encrypt_type = mirror_encrypt_type(mirror, source)
    return _together(
        _own(mirror),
        judge(("CB103",), mirror.name, mirror, live_regions),
        judge(("CB106", "CB107"), mirror.name, mirror.name, encrypt_type, mirror.kms_key_id),
        judge(("CB110",), mirror.name, mirror.name, mirror.encrypt_type),
        judge(("CB201", "CB204", "CB206", "CB208"), mirror.name, mirror, source),
        judge(("CB209",), mirror.name, mirror),
    )


def _own(resource: Vault | MirrorVault) -> Verdict:
    return judge(("CB101", "CB102"), resource.name, resource)


def _together(*verdicts: Verdict) -> Verdict:
    return Verdict(
        tuple(problem for verdict in verdicts for problem in verdict.problems),
        tuple(open_ for verdict in verdicts for open_ in verdict.not_yet_known),
    )
