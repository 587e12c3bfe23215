"""What a mirror and its source must be like together: CB201, CB203, CB204, CB206, CB208, CB209."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import MirrorVault, Source, is_known, regions
from pulumi_cloudbackup.estate.mirror import mirror_encrypt_type
from pulumi_cloudbackup.rules.argument_rules import VAULT_TYPES
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule
from pulumi_cloudbackup.rules.problem import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("CB201", "Mirror vault in the region of its source")
def mirror_in_another_region(mirror: MirrorVault, source: Source) -> Iterator[Finding]:
    """Check that mirror and source are in different regions (product page; hbr-api.md 5.2)."""
    if source.region_id is None:
        return
    if not is_known(mirror.region_id):
        yield NotYetKnown("region_id")
    elif not is_known(source.region_id):
        yield NotYetKnown("source_region_id")
    elif mirror.region_id == source.region_id:
        yield Broken(
            "region_id",
            f'Mirror vault "{mirror.name}" and its source {_source_name(source)}are both in {mirror.region_id}. A '
            "mirror "
            "vault is there for the day a region is lost; in the same region it is lost with its source.",
            f'Set region_id of "{mirror.name}" to a region other than {mirror.region_id}.',
        )


@rule("CB206", "Mirror vault encrypted differently from its source")
def mirror_encrypted_like_its_source(mirror: MirrorVault, source: Source) -> Iterator[Finding]:
    """Check that both use the same encryption method (product page, "Usage notes")."""
    if mirror.encrypt_type is None or source.encrypt_type is None:
        return
    if not is_known(mirror.encrypt_type):
        yield NotYetKnown("encrypt_type")
    elif not is_known(source.encrypt_type):
        yield NotYetKnown("source_encrypt_type")
    elif mirror.encrypt_type != source.encrypt_type:
        yield Broken(
            "encrypt_type",
            f'Mirror vault "{mirror.name}" is encrypted with {mirror.encrypt_type}, its source {_source_name(source)}'
            f"with {source.encrypt_type}. The service copies only between vaults of one encryption method.",
            f'Leave encrypt_type of "{mirror.name}" out (it then follows its source) or set it to '
            f"{source.encrypt_type}.",
        )


@rule("CB208", "Mirror vault uses the KMS key of its source's region", Severity.WARNING)
def mirror_key_is_of_its_own_region(mirror: MirrorVault, source: Source) -> Iterator[Finding]:
    """Check that the mirror does not name its source's key id; equal aliases are fine (hbr-api.md 5.3)."""
    key = mirror.kms_key_id
    if not is_known(mirror_encrypt_type(mirror, source)) or mirror_encrypt_type(mirror, source) != "KMS":
        return
    if key is None or source.kms_key_id is None:
        return
    if not is_known(key) or not is_known(source.kms_key_id):
        yield NotYetKnown("kms_key_id")
    elif key == source.kms_key_id and not key.startswith("alias/"):
        yield Broken(
            "kms_key_id",
            f'Mirror vault "{mirror.name}" names the same KMS key id as its source. KMS keys are regional, so the '
            "mirror's region almost surely has no such key.",
            f'Set kms_key_id of "{mirror.name}" to a key of its own region.',
        )


@rule("CB209", "Redundancy that the region does not have")
def redundancy_exists_in_the_region(mirror: MirrorVault) -> Iterator[Finding]:
    """Check that ZRS is asked for only where documents say it exists (product page, last FAQ)."""
    written = mirror.redundancy_type
    if written is None:
        return
    if not is_known(written):
        yield NotYetKnown("redundancy_type")
    elif written not in ("LRS", "ZRS"):
        yield Broken(
            "redundancy_type",
            f'"{mirror.name}" asks for the redundancy "{written}", which the service does not know.',
            "Set redundancy_type to LRS or ZRS, or leave it out.",
        )
    elif written == "ZRS":
        if not is_known(mirror.region_id):
            yield NotYetKnown("region_id")
        elif mirror.region_id in regions() and not regions()[mirror.region_id].zrs:
            yield Broken(
                "redundancy_type",
                f'"{mirror.name}" asks for zone-redundant storage, which {mirror.region_id} does not have.',
                "Leave redundancy_type out, or choose a region with ZRS: "
                + ", ".join(region.id for region in regions().values() if region.zrs)
                + ".",
            )


@rule("CB204", "Source of a kind that cannot be mirrored")
def source_is_of_a_kind_that_can_be_mirrored(mirror: MirrorVault, source: Source) -> Iterator[Finding]:
    """Check the source's type; trial, archive and database vaults show only in live facts (hbr-api.md 5.1)."""
    if source.vault_type is None:
        return
    if not is_known(source.vault_type):
        yield NotYetKnown("source_vault_type")
    elif source.vault_type not in VAULT_TYPES:
        yield Broken(
            "source",
            f'The source {_source_name(source)}of mirror vault "{mirror.name}" has the vault type {source.vault_type}; '
            "only general and Tablestore vaults can be mirrored.",
            "Mirror a vault of type STANDARD or OTS_BACKUP.",
        )


def _source_name(source: Source) -> str:
    name = source.vault_name
    return f'"{name}" ' if is_known(name) and name else ""
