"""What a mirror and its source must be like together: CB201, CB204 to CB209."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import MirrorVault, Source, Unknown, is_known, regions
from pulumi_cloudbackup.estate.mirror import mirror_encrypt_type
from pulumi_cloudbackup.rules.argument_rules import VAULT_TYPES
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule
from pulumi_cloudbackup.rules.problem import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("CB201", "Mirror vault in the region of its source")
def mirror_in_another_region(mirror: MirrorVault, source: Source) -> Iterator[Finding]:
    """Check that a mirror is in another region than its source.

    Why it matters: a mirror is there for the day a region is lost; in the same region it is lost with its source. The
    service does not offer the source's own region.

    How to fix it: set ``region_id`` of the mirror to a region other than the source's.
    """
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
    """Check that a mirror and its source use the same encryption method.

    Why it matters: the service copies only between vaults of one method. The method is fixed when a vault is created,
    so a wrong one means deleting the mirror and copying everything again.

    How to fix it: leave ``encrypt_type`` of the mirror out; it then follows its source.
    """
    if source.encrypt_type is None:
        return
    if mirror.encrypt_type is None:
        said, found = source.said_encrypt_type, source.encrypt_type
        if said is not None and is_known(said) and is_known(found) and said != found:
            yield Broken(
                "source",
                f'Mirror vault "{mirror.name}" would be encrypted with {said}, because the program says its source '
                f"{_source_name(source)}is; but that is encrypted with {found}. The service copies only between vaults "
                "of one encryption method.",
                f"Set encrypt_type of the ExistingVault to {found}, or leave it out.",
            )
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
            f'Leave encrypt_type{" and kms_key_id" if mirror.encrypt_type == "KMS" else ""} of "{mirror.name}" out: it '
            f"then follows its source, {source.encrypt_type}.",
        )


@rule("CB208", "Mirror vault uses the KMS key of its source's region", Severity.WARNING)
def mirror_key_is_of_its_own_region(mirror: MirrorVault, source: Source) -> Iterator[Finding]:
    """Check that a mirror does not name the KMS key id of its source. Equal aliases are fine: each region may have one.

    Why it matters: KMS keys are regional, so the mirror's region almost surely has no key of that id. It is a warning,
    because no document states the rule for mirrors.

    How to fix it: set ``kms_key_id`` of the mirror to a key of its own region.
    """
    key = mirror.kms_key_id
    encrypt_type = mirror_encrypt_type(mirror, source)
    if key is None or source.kms_key_id is None or (is_known(encrypt_type) and encrypt_type != "KMS"):
        return
    if not is_known(key) or not is_known(source.kms_key_id):
        yield NotYetKnown("kms_key_id")
    elif key != source.kms_key_id or not key or key.startswith("alias/"):
        return
    elif not is_known(encrypt_type):
        yield NotYetKnown("encrypt_type")
    else:
        yield Broken(
            "kms_key_id",
            f'Mirror vault "{mirror.name}" names the same KMS key id as its source. KMS keys are regional, so the '
            "mirror's region almost surely has no such key.",
            f'Set kms_key_id of "{mirror.name}" to a key of its own region.',
        )


@rule("CB209", "Redundancy that the region does not have")
def redundancy_exists_in_the_region(mirror: MirrorVault) -> Iterator[Finding]:
    """Check that the redundancy is LRS or ZRS, and ZRS only where the region has it.

    Why it matters: zone-redundant storage needs several zones; the service refuses it elsewhere.

    How to fix it: leave ``redundancy_type`` out, and the service takes ZRS where the region has it and LRS elsewhere;
    or choose a region with ZRS.
    """
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
    """Check that the source is a general or Tablestore vault that is paid for: no trial, archive or database vault.

    Why it matters: the service does not copy such vaults. A container vault cannot be copied either, but the service
    has no field that tells one apart, so this rule cannot see it: not decidable.

    How to fix it: mirror another vault. A trial vault can be converted to a paid one in its Trial Settings in the
    console, which takes effect at once.
    """
    facts: tuple[tuple[str, str | bool | Unknown | None], ...] = (
        ("source_vault_type", source.vault_type),
        ("source_charge_type", source.charge_type),
        ("source_is_trial", source.is_trial),
    )
    unfit = next((why for argument, value in facts if (why := _why_unfit(argument, value)) is not None), None)
    if unfit is not None:
        what, way_out = unfit
        yield Broken(
            "source",
            f'The source {_source_name(source)}of mirror vault "{mirror.name}" {what}; '
            "only general and Tablestore vaults that are paid for can be mirrored.",
            way_out,
        )
        return
    waiting = next((argument for argument, value in facts if not is_known(value)), None)
    if waiting is not None:
        yield NotYetKnown(waiting)


_ANOTHER: Final = "Mirror a vault of type STANDARD or OTS_BACKUP."
_TRIAL: Final = (
    "is a free trial vault",
    "Convert it to a paid vault in its Trial Settings in the console, or mirror another one.",
)


def _why_unfit(argument: str, value: str | bool | Unknown | None) -> tuple[str, str] | None:  # noqa: FBT001 - a fact
    """Return why a source cannot be mirrored by one fact about it, and what to do (hbr-api.md 2.1, 5.1)."""
    if value is None or not is_known(value):
        return None
    match argument, value:
        case "source_vault_type", vault_type if vault_type not in VAULT_TYPES:
            return f"has the vault type {vault_type}", _ANOTHER
        case ("source_charge_type", "FREE") | ("source_is_trial", True):
            return _TRIAL
        case "source_charge_type", "UNI_BACKUP":
            return "is a database vault", _ANOTHER
        case "source_charge_type", "ARCHIVE":
            return "is an archive vault", _ANOTHER
        case _:
            return None


@rule("CB205", "Source in an abnormal state")
def source_is_healthy(mirror: MirrorVault, source: Source) -> Iterator[Finding]:
    """Check that the source is in status CREATED, or still on its way there.

    Why it matters: the service does not copy a vault that is in ERROR; a mirror of it would fail as well. A mirror that
    exists already is kept whatever happens to its source: it may hold the last copy of the data (CB307).

    How to fix it: look into the status of the source first. A vault that failed when it was created holds nothing and
    can be replaced; for any other, ask the vendor.
    """
    if isinstance(mirror.existing_id, str):
        return
    match source.status:
        case None | "CREATED" | "GONE":
            return
        case "INITIALIZING" | "UNKNOWN":
            yield NotYetKnown("source_status")
        case status:
            yield Broken(
                "source",
                f'The source {_source_name(source)}of mirror vault "{mirror.name}" is in status {status}. Only a vault '
                "in status CREATED can be mirrored.",
                f'Repair or replace the source first, or set source of "{mirror.name}" to another vault.',
            )


@rule("CB207", "Region is not known to take mirror vaults", Severity.WARNING, also=Severity.ERROR)
def region_takes_mirrors(mirror: MirrorVault, live_mirror_regions: tuple[str, ...] | None) -> Iterator[Finding]:
    """Check that mirror vaults can be made in the region of a mirror.

    Why it matters: the service has cross-region backup in some of its regions only. Where its own list is known and
    lacks the region, it is an error; offline it is a warning, because no document that this release knows has the whole
    list.

    How to fix it: choose a region that takes mirrors; the message names those that are known to.
    """
    written = mirror.region_id
    if not is_known(written):
        yield NotYetKnown("region_id")
        return
    documented = regions().get(written)
    if live_mirror_regions is not None:
        # A region that nobody knows is misspelt: CB103 says so, and one mistake is told once.
        if written not in live_mirror_regions and documented is not None:
            yield Broken(
                "region_id",
                f'Mirror vault "{mirror.name}" is in {written}, which the service does not list for mirror vaults.',
                f'Set region_id of "{mirror.name}" to one of: {", ".join(sorted(live_mirror_regions))}.',
                Severity.ERROR,
            )
    elif documented is not None and not documented.mirror:
        said = "no document says that" if documented.mirror is None else "documents deny that"
        known = ", ".join(region.id for region in regions().values() if region.mirror)
        yield Broken(
            "region_id",
            f'Mirror vault "{mirror.name}" is in {written}, and {said} mirror vaults can be made there. Whether the '
            "service takes it is known only when a live account is asked.",
            f"Check it in the console, or set region_id to a region that is known to take mirrors: {known}.",
        )


def _source_name(source: Source) -> str:
    name = source.vault_name
    return f'"{name}" ' if is_known(name) and name else ""
