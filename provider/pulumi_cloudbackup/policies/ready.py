"""Ready policies about what is declared: each function returns one, made for what it is given.

Each has a ``level`` (``mandatory`` or ``advisory``), and each about single resources an ``except_for``: names of
resources that it leaves out. A value that is not known yet is told, and never taken for fine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import UNKNOWN, MirrorVault, Unknown, Vault, is_known, regions
from pulumi_cloudbackup.estate.mirror import default_mirror_name, mirror_encrypt_type
from pulumi_cloudbackup.policies.arguments import of_tags, some_tags, some_texts, text_pairs, texts
from pulumi_cloudbackup.policies.policy import Level, NotYetKnown, Policy, PolicyError, Violation
from pulumi_cloudbackup.policies.unmirrored import unmirrored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pulumi_cloudbackup.policies.policy import Finding
    from pulumi_cloudbackup.policies.proposal import Proposal
    from pulumi_cloudbackup.policies.unmirrored import Unmirrored


def every_vault_is_mirrored(
    *,
    tags: Mapping[str, str] | None = None,
    vault_types: Collection[str] = ("STANDARD",),
    except_for: Collection[str] = (),
    level: Level = "mandatory",
) -> Policy:
    """Demand a mirror vault for every declared vault.

    :param tags: Only for vaults with all of these tags; absent: for all.
    :param vault_types: Only for vaults of these types; the service mirrors STANDARD ones.
    """
    left_out = texts("except_for", except_for)
    tags = some_tags(tags)
    types = texts("vault_types", vault_types)

    def check(proposal: Proposal) -> Iterator[Finding]:
        lacking: list[Vault] = []
        for vault in _tagged(proposal, tags, left_out):
            if isinstance(vault, NotYetKnown):
                yield vault
            elif not is_known(vault.vault_type):
                yield NotYetKnown(vault.name, "vault_type")
            elif vault.vault_type in types and not proposal.mirrors_of(vault):
                lacking.append(vault)
        for some in unmirrored(proposal, lacking):
            yield from _lack(some)

    return Policy("every-vault-is-mirrored", f"Every vault{of_tags(tags)} has a mirror vault.", check, level)


def regions_are_allowed(
    *,
    vaults: Collection[str] | None = None,
    mirrors: Collection[str] | None = None,
    except_for: Collection[str] = (),
    level: Level = "mandatory",
) -> Policy:
    """Allow only some regions.

    :param vaults: Region ids for vaults; absent: any.
    :param mirrors: Region ids for mirror vaults; absent: any.
    """
    left_out = texts("except_for", except_for)
    allowed = {Vault: some_texts("vaults", vaults), MirrorVault: some_texts("mirrors", mirrors)}
    if vaults is None and mirrors is None:
        raise PolicyError("regions_are_allowed() needs vaults=[...] or mirrors=[...]: it would allow everything.")

    def check(proposal: Proposal) -> Iterator[Finding]:
        for one in proposal.declared:
            permitted = allowed[type(one)]
            if permitted is None or one.name in left_out:
                continue
            if not is_known(one.region_id):
                yield NotYetKnown(one.name, "region_id")
            elif one.region_id not in permitted:
                yield Violation(
                    one.name,
                    f'"{one.name}" is in {one.region_id}, which is not allowed for {_kind(one)}s.',
                    f"Use one of: {', '.join(sorted(permitted))}.",
                    "region_id",
                )

    return Policy("regions-are-allowed", "Vaults and mirror vaults are in regions that are allowed.", check, level)


def pairs_are_allowed(
    pairs: Iterable[tuple[str, str]], *, except_for: Collection[str] = (), level: Level = "mandatory"
) -> Policy:
    """Allow mirrors only from some regions to some others.

    :param pairs: Region ids of source and mirror.
    """
    left_out = texts("except_for", except_for)
    allowed = text_pairs("pairs", pairs)

    def check(proposal: Proposal) -> Iterator[Finding]:
        for mirror, source_region in _with_source_regions(proposal, left_out):
            if not is_known(mirror.region_id) or not is_known(source_region):
                yield NotYetKnown(mirror.name, "region_id" if not is_known(mirror.region_id) else "source")
            elif (source_region, mirror.region_id) not in allowed:
                there = sorted(to for at, to in allowed if at == source_region)
                yield Violation(
                    mirror.name,
                    f'Mirror vault "{mirror.name}" copies from {source_region} to {mirror.region_id}, which is not '
                    "allowed.",
                    f"From {source_region} use {', '.join(there)}."
                    if there
                    else f"Move the source: {source_region} has no region to copy to.",
                    "region_id",
                )

    return Policy("pairs-are-allowed", "Mirror vaults copy only between regions that are allowed.", check, level)


def jurisdiction_of(region_id: str) -> str | None:
    """Return whose law a region is under, as documents name its country; ``None``: no document knows the region."""
    region = regions().get(region_id)
    if region is None:
        return None
    country, _, place = region.display_name.partition(" (")
    return "Hong Kong" if place.startswith("Hong Kong") else country


def mirrors_are_in_another_jurisdiction(
    *,
    tags: Mapping[str, str] | None = None,
    jurisdictions: Mapping[str, str] | None = None,
    except_for: Collection[str] = (),
    level: Level = "mandatory",
) -> Policy:
    """Demand that a mirror is under another law than its source.

    :param tags: Only for mirrors of declared vaults with all of these tags; absent: for all mirrors.
    :param jurisdictions: Jurisdictions by region id that differ from the documented countries.
    """
    left_out = texts("except_for", except_for)
    tags = some_tags(tags)

    def law(region_id: str) -> str | None:
        return (jurisdictions or {}).get(region_id) or jurisdiction_of(region_id)

    def check(proposal: Proposal) -> Iterator[Finding]:
        for mirror, source_region in _with_source_regions(proposal, left_out):
            is_meant = _is_meant(proposal, mirror, tags)
            if is_meant is False:
                continue
            if isinstance(is_meant, Unknown) or not is_known(mirror.region_id) or not is_known(source_region):
                yield NotYetKnown(mirror.name, "region_id" if not is_known(mirror.region_id) else "source")
                continue
            here, there = law(source_region), law(mirror.region_id)
            if here is None or there is None:
                unknown = source_region if here is None else mirror.region_id
                yield Violation(
                    mirror.name,
                    f'Nobody says whose law region {unknown} is under, so "{mirror.name}" cannot be judged.',
                    "Give it in jurisdictions.",
                    "region_id",
                )
            elif here == there:
                yield Violation(
                    mirror.name,
                    f'Mirror vault "{mirror.name}" in {mirror.region_id} and its source in {source_region} are both '
                    f"under the law of {here}.",
                    "Put the mirror into another jurisdiction.",
                    "region_id",
                )

    return Policy(
        "mirrors-are-in-another-jurisdiction",
        f"Mirror vaults{' of vaults' + of_tags(tags) if tags else ''} are in another jurisdiction than their sources.",
        check,
        level,
    )


def kms_is_used(
    *, tags: Mapping[str, str] | None = None, except_for: Collection[str] = (), level: Level = "mandatory"
) -> Policy:
    """Demand encryption with KMS, of vaults and of their mirrors.

    :param tags: Only for declared vaults with all of these tags, and their mirrors; absent: for all.
    :param except_for: Names of vaults and of mirrors, each for itself: a mirror is not left out with its source.
    """
    left_out = texts("except_for", except_for)
    tags = some_tags(tags)

    def check(proposal: Proposal) -> Iterator[Finding]:
        for vault in _tagged(proposal, tags, left_out):
            if isinstance(vault, NotYetKnown):
                yield vault
                continue
            yield from _kms(vault, vault.encrypt_type)
        for mirror in proposal.mirrors:
            source = proposal.source_of(mirror)
            is_meant = _is_meant(proposal, mirror, tags)
            if mirror.name in left_out or is_meant is False:
                continue
            if isinstance(is_meant, Unknown):  # told of the source already, unless that is left out
                if source is None or source.name in left_out:
                    yield NotYetKnown(mirror.name, "source")
                continue
            encrypt_type = mirror_encrypt_type(mirror, proposal.known_of_source(mirror))
            yield from _kms(mirror, UNKNOWN if encrypt_type is None else encrypt_type)

    return Policy("kms-is-used", f"Vaults{of_tags(tags)} and their mirrors are encrypted with KMS.", check, level)


def vaults_are_immutable(
    *, tags: Mapping[str, str] | None = None, except_for: Collection[str] = (), level: Level = "mandatory"
) -> Policy:
    """Demand immutable backups (``worm_enabled``).

    :param tags: Only for vaults with all of these tags; absent: for all.
    """
    left_out = texts("except_for", except_for)
    tags = some_tags(tags)

    def check(proposal: Proposal) -> Iterator[Finding]:
        for vault in _tagged(proposal, tags, left_out):
            if isinstance(vault, NotYetKnown):
                yield vault
            elif not is_known(vault.worm_enabled):
                yield NotYetKnown(vault.name, "worm_enabled")
            elif not vault.worm_enabled:
                yield Violation(
                    vault.name,
                    f'Backups in vault "{vault.name}" can be deleted before they expire.',
                    "Set worm_enabled=True, once its mirror vault is there; it cannot be switched off again.",
                    "worm_enabled",
                )

    return Policy("vaults-are-immutable", f"Backups in vaults{of_tags(tags)} are immutable.", check, level)


def tags_are_given(*keys: str, except_for: Collection[str] = (), level: Level = "mandatory") -> Policy:
    """Demand tags on every vault; mirror vaults have none.

    :param keys: Keys of tags that have to be there, with a value that is not empty.
    """
    left_out = texts("except_for", except_for)
    if not texts("the keys of tags_are_given()", keys):
        raise PolicyError("tags_are_given() needs the key of a tag at least.")

    def check(proposal: Proposal) -> Iterator[Finding]:
        for vault in proposal.vaults:
            if vault.name in left_out:
                continue
            if isinstance(vault.tags, Unknown):
                yield NotYetKnown(vault.name, "tags")
                continue
            own = vault.tags or {}
            missing = [key for key in keys if is_known(own.get(key)) and not own.get(key)]
            if any(not is_known(own.get(key)) for key in keys):
                yield NotYetKnown(vault.name, "tags")
            if missing:
                told = ", ".join(missing)
                yield Violation(vault.name, f'Vault "{vault.name}" has no tag {told}.', f"Add {told}.", "tags")

    return Policy("tags-are-given", f"Every vault has the tags {', '.join(keys)}.", check, level)


def names_match(
    *,
    vaults: str | None = None,
    mirrors: str | None = None,
    except_for: Collection[str] = (),
    level: Level = "mandatory",
) -> Policy:
    """Demand that the names which the console shows (``vault_name``) match a regular expression as a whole.

    :param vaults: For vaults; absent: any.
    :param mirrors: For mirror vaults; absent: any.
    :raises PolicyError: One of them is no regular expression.
    """
    left_out = texts("except_for", except_for)
    patterns = {Vault: _pattern(vaults), MirrorVault: _pattern(mirrors)}
    if vaults is None and mirrors is None:
        raise PolicyError("names_match() needs vaults=PATTERN or mirrors=PATTERN: it would allow everything.")

    def check(proposal: Proposal) -> Iterator[Finding]:
        for one in proposal.declared:
            pattern = patterns[type(one)]
            if pattern is None or one.name in left_out:
                continue
            shown = _shown_name(one, proposal)
            if not is_known(shown):
                yield NotYetKnown(one.name, "vault_name")
            elif not pattern.fullmatch(shown):
                yield Violation(
                    one.name,
                    f'The {_kind(one)} is called "{shown}", which does not match {pattern.pattern}.',
                    "Give it another vault_name.",
                    "vault_name",
                )

    return Policy("names-match", "Names follow the convention.", check, level)


def _tagged(
    proposal: Proposal, tags: Mapping[str, str] | None, except_for: Collection[str]
) -> Iterator[Vault | NotYetKnown]:
    """Yield the vaults that a policy is about, and those of which nobody knows."""
    for vault in proposal.vaults:
        if vault.name in except_for:
            continue
        is_meant = proposal.has_tags(vault, tags)
        if isinstance(is_meant, Unknown):
            yield NotYetKnown(vault.name, "tags")
        elif is_meant:
            yield vault


def _lack(some: Unmirrored) -> Iterator[Finding]:
    """Tell of vaults without a mirror: of a single one by its name, of several that nobody can tell apart together."""
    if not some.open_mirrors:
        name = some.vaults[0].name
        yield Violation(
            name,
            f'Vault "{name}" has no mirror vault: its data is lost with {_region(some.vaults[0])}.',
            f'Declare MirrorVault("{name}-dr", source=..., region_id=...).',
        )
    elif some.bare:
        yield Violation(
            "",
            f"{some.in_words} {'has' if some.bare == 1 else 'have'} no mirror vault: {some.why}.",
            "Declare a mirror vault for each of them, with the vault itself as its source.",
        )
    yield from some.waits


def _is_meant(proposal: Proposal, mirror: MirrorVault, tags: Mapping[str, str] | None) -> bool | Unknown:
    """Whether the source of a mirror is declared with some tags; without tags every mirror is meant."""
    source = proposal.source_of(mirror)
    if source is not None or not tags:
        return proposal.has_tags(source, tags) if source is not None else True
    return False if proposal.is_source_known(mirror) else UNKNOWN


def _with_source_regions(
    proposal: Proposal, except_for: Collection[str]
) -> Iterator[tuple[MirrorVault, str | Unknown]]:
    for mirror in proposal.mirrors:
        if mirror.name not in except_for:
            region_id = proposal.source_region_of(mirror)
            yield mirror, UNKNOWN if region_id is None else region_id


def _kms(one: Vault | MirrorVault, encrypt_type: object) -> Iterator[Finding]:
    if isinstance(encrypt_type, Unknown):
        yield NotYetKnown(one.name, "encrypt_type")
    elif encrypt_type != "KMS":
        yield Violation(
            one.name,
            f'The {_kind(one)} "{one.name}" is not encrypted with KMS.',
            'Set encrypt_type="KMS" and kms_key_id; on one that exists that replaces it.',
            "encrypt_type",
        )


def _shown_name(one: Vault | MirrorVault, proposal: Proposal) -> str | Unknown:
    if isinstance(one, Vault):
        return one.display_name
    if one.vault_name is not None:
        return one.vault_name
    source = proposal.known_of_source(one)
    named_after = source.id if source.vault_name is None else source.vault_name
    return UNKNOWN if named_after is None else default_mirror_name(named_after)


def _pattern(written: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(written) if written is not None else None
    except re.error as error:
        raise PolicyError(f"{written!r} is no regular expression: {error}.") from None


def _kind(one: Vault | MirrorVault) -> str:
    return "mirror vault" if isinstance(one, MirrorVault) else "vault"


def _region(vault: Vault) -> str:
    """Return the region of a vault in words."""
    return f"region {vault.region_id}" if is_known(vault.region_id) else "its region"
