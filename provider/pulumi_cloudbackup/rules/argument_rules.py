"""What one vault's or mirror's own arguments must be like: CB100 to CB108, CB110."""

from __future__ import annotations

from functools import lru_cache
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
TAG_LIMIT: Final = 20
"""Tags of a vault at most."""
_TAG_TEXT_LIMIT: Final = 128


_KINDS: Final = {
    "tags": 'a mapping of texts to texts, such as {"team": "shop"}',
    "timeout": "a number of seconds above 0, such as 1800",
    "worm_enabled": "True or False",
    "force_destroy": "True or False",
    "region_id": "a region id, such as cn-hangzhou",
    "source": "a Vault, or ExistingVault(id, region_id) with both as texts",
}


@rule("CB100", "Argument of the wrong kind")
def argument_has_a_usable_kind(argument: str, name: str, reason: str) -> Iterator[Finding]:
    """Check that an argument has a value of the documented kind, not, say, a number for a name.

    Why it matters: no other rule can judge such a value, and the service would refuse it or take it for something else.

    How to fix it: give the argument a value of the kind that its documentation names.
    """
    kind = _KINDS.get(argument, "a text")
    yield Broken(argument, f'"{name}": {argument} {reason}.', f"Give {argument} {kind}.")


@rule("CB101", "Vault name is not 1 to 64 characters")
def vault_name_has_1_to_64_characters(resource: Vault | MirrorVault) -> Iterator[Finding]:
    """Check that the display name of a vault or mirror vault has 1 to 64 characters. Characters count, not bytes.

    Why it matters: the service refuses to create or rename a vault with another name.

    How to fix it: shorten ``vault_name``, or leave it out: the default always fits.
    """
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
    """Check that the description leaves room for the owner marker: the service takes 255 characters for both together.

    Why it matters: the marker says which Pulumi resource manages a vault. With it, a crashed create is found again and
    a vault of somebody else is never touched, so it is never left out in favour of a longer description.

    How to fix it: shorten ``description`` to the length that the message names.
    """
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


@rule("CB103", "Region is not one that Cloud Backup is known to serve", Severity.WARNING, also=Severity.ERROR)
def region_is_served(resource: Vault | MirrorVault, live_regions: tuple[str, ...] | None) -> Iterator[Finding]:
    """Check that the region is one that Cloud Backup serves.

    Why it matters: the service has an address per region; a misspelt one leads nowhere. Where the live list of regions
    is known and lacks it, it is an error; offline it is a warning, because documents may lack a new region.

    How to fix it: write the region id as the service does, such as ``cn-hangzhou``; the message names the nearest ones.
    """
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
    if live_regions is not None:
        if written not in live_regions:
            yield Broken(
                "region_id",
                f'The region "{written}" of "{resource.name}" is not one that the service lists for this account.',
                f"{_did_you_mean(written)}Set region_id to one of: {', '.join(sorted(live_regions))}.",
                Severity.ERROR,
            )
    elif written not in regions():
        yield Broken(
            "region_id",
            f'The region "{written}" of "{resource.name}" is in no document known to this release; whether the service '
            "has it is known only when a live account is asked.",
            f"{_did_you_mean(written)}Check region_id.",
        )


def _did_you_mean(region_id: str) -> str:
    near = [one for one in nearest_region_ids(region_id) if one != region_id]
    return f"Did you mean {' or '.join(near)}? " if near else ""


@rule("CB104", "Vault type is not one that can be created")
def vault_type_can_be_created(vault: Vault) -> Iterator[Finding]:
    """Check that the vault type is STANDARD or OTS_BACKUP.

    Why it matters: the service creates no other type through its API. Archive, database and container vaults are made
    elsewhere, and letters count: ``standard`` is not a type.

    How to fix it: set ``vault_type`` to STANDARD, or to OTS_BACKUP for Tablestore, or leave it out.
    """
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
    """Check that a vault that is encrypted with KMS names a key. A mirror follows the encryption of its source.

    Why it matters: there is no default key; the service refuses to create the vault. Keys are regional, so a mirror
    cannot take over the key of its source and must name its own.

    How to fix it: set ``kms_key_id`` to a key of the vault's own region, an id or ``alias/...``.
    """
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


@rule("CB107", "Key given but encryption is not KMS", caution=True)
def key_comes_with_kms_encryption(
    name: str, encrypt_type: str | Unknown | None, key: str | Unknown | None
) -> Iterator[Finding]:
    """Check that a key is given only where the encryption is KMS.

    Why it matters: with any other encryption the service ignores the key without a word, and the data is not encrypted
    with it, although the program reads as if it were.

    How to fix it: set ``encrypt_type="KMS"``, or remove ``kms_key_id``.
    """
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
    """Check that the tags of a vault are such as the service takes.

    Why it matters: it takes at most 20, without empty keys; keys and values have at most 128 characters, do not start
    with ``aliyun`` or ``acs:``, and hold no ``http://`` or ``https://``. Tags are written after the vault has been
    created. The service refuses the whole call, and the vault stays without tags, invisible to whatever finds or bills
    it by them.

    How to fix it: remove, shorten or rename the tags that the message names.
    """
    tags = vault.tags
    if tags is None:
        return
    if not is_known(tags):
        yield NotYetKnown("tags")
        return
    if len(tags) > TAG_LIMIT:
        yield Broken(
            "tags",
            f'"{vault.name}" has {len(tags)} tags; the service takes {TAG_LIMIT}.',
            f"Remove {len(tags) - TAG_LIMIT} of them.",
        )
    for key, value in tags.items():
        if is_known(value) and tag_is_accepted(key, value):
            continue
        if not key:
            yield Broken("tags", f'"{vault.name}" has a tag with an empty key.', "Give the tag a key.")
        yield from _tag_text_is_accepted(vault.name, key, "key", key)
        if is_known(value):
            yield from _tag_text_is_accepted(vault.name, key, "value", value)
        else:
            yield NotYetKnown("tags")


@lru_cache(maxsize=10_000)
def tag_is_accepted(key: str, value: str) -> bool:
    """Whether the service takes a tag; the same tags are on many vaults."""
    return bool(key) and all(len(text) <= _TAG_TEXT_LIMIT and _reserved(text) is None for text in (key, value))


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
            f'The {what} of tag "{key[:40]}" of "{name}" {reserved}; the service keeps that for itself.',
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
    """Check that the encryption method is HBR_PRIVATE or KMS.

    Why it matters: the service refuses any other; letters count. The method is fixed when a vault is created, so a
    mistake here cannot be mended in place.

    How to fix it: set ``encrypt_type`` to HBR_PRIVATE (the service's own keys) or KMS (yours), or leave it out.
    """
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
