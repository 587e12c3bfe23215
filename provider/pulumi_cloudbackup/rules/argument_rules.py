"""What one vault's or mirror's own arguments must be like: CB100 to CB108, CB110."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import MirrorVault, Unknown, Vault, is_known, nearest_region_ids, regions
from pulumi_cloudbackup.estate.owner import READABLE_LIMIT, marker_length
from pulumi_cloudbackup.estate.vault import VAULT_NAME_LIMIT
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule
from pulumi_cloudbackup.rules.problem import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

ENCRYPT_TYPES: Final = ("HBR_PRIVATE", "KMS")
VAULT_TYPES: Final = ("STANDARD", "OTS_BACKUP")
DESCRIPTION_LIMIT: Final = 255 - marker_length("x" * READABLE_LIMIT + "#" + "x" * 16)
"""Characters that are left for a person: the service takes 255, the longest owner marker needs the rest."""
_TAG_LIMIT: Final = 20
_TAG_TEXT_LIMIT: Final = 128


@rule("CB100", "Argument of the wrong kind")
def argument_has_a_usable_kind(argument: str, name: str, reason: str) -> Iterator[Finding]:
    """Report an argument whose value has a shape that no rule can judge, such as a number for a name."""
    yield Broken(argument, f'"{name}": {argument} {reason}.', f"Give {argument} a value of the documented kind.")


@rule("CB101", "Vault name is not 1 to 64 characters")
def vault_name_has_1_to_64_characters(resource: Vault | MirrorVault) -> Iterator[Finding]:
    """Check the display name's length; absent means a default that fits (hbr-api.md 5.4)."""
    written = resource.vault_name
    if written is None:
        return
    if not is_known(written):
        yield NotYetKnown("vault_name")
    elif not written:
        yield Broken(
            "vault_name",
            f'The vault name of "{resource.name}" is empty; the service takes 1 to {VAULT_NAME_LIMIT} characters.',
            "Give vault_name a text, or leave it out for the default.",
        )
    elif len(written) > VAULT_NAME_LIMIT:
        yield Broken(
            "vault_name",
            f'The vault name of "{resource.name}" has {len(written)} characters; the service takes 1 to '
            f"{VAULT_NAME_LIMIT}.",
            f"Shorten vault_name by {len(written) - VAULT_NAME_LIMIT}.",
        )


@rule("CB102", "Description is too long")
def description_leaves_room_for_the_owner(resource: Vault | MirrorVault) -> Iterator[Finding]:
    """Check the description's length: 255 characters, the owner marker included (hbr-api.md 5.4)."""
    written = resource.description
    if written is None:
        return
    if not is_known(written):
        yield NotYetKnown("description")
    elif len(written) > DESCRIPTION_LIMIT:
        yield Broken(
            "description",
            f'The description of "{resource.name}" has {len(written)} characters. The service takes 255, of which the '
            f"marker that says who manages the vault needs {255 - DESCRIPTION_LIMIT}.",
            f"Shorten description to at most {DESCRIPTION_LIMIT} characters.",
        )


@rule("CB103", "Region is not one that Cloud Backup is known to serve", Severity.WARNING)
def region_is_served(resource: Vault | MirrorVault, live_regions: tuple[str, ...] | None) -> Iterator[Finding]:
    """Check the region against the live list, or else against the documented one (a warning; hbr-api.md 5.2)."""
    written = resource.region_id
    if not is_known(written):
        yield NotYetKnown("region_id")
        return
    if not written.strip():
        yield Broken(
            "region_id",
            f'The region of "{resource.name}" is empty; a vault lives in exactly one region.',
            "Set region_id to a region id such as cn-hangzhou.",
            Severity.ERROR,
        )
        return
    near = nearest_region_ids(written)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    if live_regions is not None:
        if written not in live_regions:
            yield Broken(
                "region_id",
                f'The region "{written}" of "{resource.name}" is not one that the service lists for this account.',
                f"{hint}Set region_id to one of: {', '.join(sorted(live_regions))}.",
                Severity.ERROR,
            )
    elif written not in regions():
        yield Broken(
            "region_id",
            f'The region "{written}" of "{resource.name}" is in no document known to this release; whether the service '
            "has it is known only when a live account is asked.",
            f"{hint}Check region_id.",
        )


@rule("CB104", "Vault type is not one that can be created")
def vault_type_can_be_created(vault: Vault) -> Iterator[Finding]:
    """Check the vault type: STANDARD or OTS_BACKUP (hbr-api.md 2.1, CreateVault)."""
    written = vault.vault_type
    if not is_known(written):
        yield NotYetKnown("vault_type")
    elif written not in VAULT_TYPES:
        yield Broken(
            "vault_type",
            f'The vault type "{written}" of "{vault.name}" cannot be created through the API.',
            "Set vault_type to STANDARD, or to OTS_BACKUP for Tablestore.",
        )


@rule("CB106", "KMS encryption without a key")
def kms_encryption_has_a_key(
    name: str, encrypt_type: str | Unknown | None, key: str | Unknown | None
) -> Iterator[Finding]:
    """Check that KMS encryption names a key (hbr-api.md 5.3)."""
    if encrypt_type is None or (is_known(key) and key):
        return
    if not is_known(key):
        yield NotYetKnown("kms_key_id")
        return
    if not is_known(encrypt_type):
        yield NotYetKnown("encrypt_type")
    elif encrypt_type == "KMS":
        yield Broken(
            "kms_key_id",
            f'"{name}" is encrypted with KMS but names no key; the service cannot create it.',
            "Set kms_key_id to a key of the vault's own region (an id, or alias/...).",
        )


@rule("CB107", "Key given but encryption is not KMS")
def key_comes_with_kms_encryption(
    name: str, encrypt_type: str | Unknown | None, key: str | Unknown | None
) -> Iterator[Finding]:
    """Check that a key is not given in vain (hbr-api.md 5.3)."""
    if encrypt_type is None or key is None or (is_known(key) and not key):
        return
    if not is_known(encrypt_type) or not is_known(key):
        yield NotYetKnown("encrypt_type" if is_known(key) else "kms_key_id")
    elif encrypt_type == "HBR_PRIVATE":
        yield Broken(
            "kms_key_id",
            f'"{name}" names a KMS key but is encrypted with {encrypt_type}: the key would be ignored and the data '
            "would not be encrypted with it.",
            'Set encrypt_type="KMS", or remove kms_key_id.',
        )


@rule("CB108", "Tags that the service refuses")
def tags_are_accepted(vault: Vault) -> Iterator[Finding]:
    """Check number, lengths and prefixes of tags (hbr-api.md 5.4)."""
    tags = vault.tags
    if tags is None:
        return
    if not is_known(tags):
        yield NotYetKnown("tags")
        return
    if len(tags) > _TAG_LIMIT:
        yield Broken(
            "tags",
            f'"{vault.name}" has {len(tags)} tags; the service takes {_TAG_LIMIT}.',
            f"Remove {len(tags) - _TAG_LIMIT} of them.",
        )
    for key, value in tags.items():
        if not key:
            yield Broken("tags", f'"{vault.name}" has a tag with an empty key.', "Give the tag a key.")
        yield from _tag_text_is_accepted(vault.name, key, "key", key)
        if is_known(value):
            yield from _tag_text_is_accepted(vault.name, key, "value", value)
        else:
            yield NotYetKnown("tags")


def _tag_text_is_accepted(name: str, key: str, what: str, text: str) -> Iterator[Finding]:
    if len(text) > _TAG_TEXT_LIMIT:
        yield Broken(
            "tags",
            f'The {what} of tag "{key[:20]}" of "{name}" has {len(text)} characters; the service takes '
            f"{_TAG_TEXT_LIMIT}.",
            "Shorten it.",
        )
    reserved = _reserved(text)
    if reserved:
        yield Broken(
            "tags",
            f'The {what} "{text[:40]}" of a tag of "{name}" {reserved}; the service keeps that for itself.',
            "Choose another text.",
        )


def _reserved(text: str) -> str | None:
    if text.startswith(("aliyun", "acs:")):
        return "starts with aliyun or acs:"
    if "http://" in text or "https://" in text:
        return "holds http:// or https://"
    return None


@rule("CB110", "Encryption method that does not exist")
def encryption_method_exists(name: str, encrypt_type: str | Unknown | None) -> Iterator[Finding]:
    """Check the encryption method: HBR_PRIVATE or KMS (hbr-api.md 2.1, CreateVault)."""
    if encrypt_type is None:
        return
    if not is_known(encrypt_type):
        yield NotYetKnown("encrypt_type")
    elif encrypt_type not in ENCRYPT_TYPES:
        yield Broken(
            "encrypt_type",
            f'"{name}" asks for the encryption method "{encrypt_type}", which the service does not know.',
            "Set encrypt_type to HBR_PRIVATE or KMS.",
        )
