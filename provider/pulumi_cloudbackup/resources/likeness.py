"""Whether an existing vault can be the one that is declared: every fact that cannot be changed has to agree.

Pure. What is not known yet is taken to agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.estate import is_known
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.rules.adoption_rules import Adoption

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_cloudbackup.estate import LiveVault, MirrorVault, Unknown, Vault

_ATTEMPT_IS_RECENT: Final = 24 * 3600


def vault_unlike(wanted: Vault, live: LiveVault) -> str | None:
    """Say in which immutable fact a live vault differs from a declared one; ``None``: in none."""
    if live.is_mirror:
        return "it is a mirror vault"
    if live.worm_enabled and wanted.worm_enabled is False:
        return "it is locked (worm_enabled is True, which cannot be switched off)"
    return (
        _difference("vault_type", wanted.vault_type, live.vault_type)
        or _difference("encrypt_type", wanted.encrypt_type, live.encrypt_type)
        or _key_difference(wanted.kms_key_id, live.kms_key_id)
    )


def mirror_unlike(
    wanted: MirrorVault,
    source_id: str | Unknown | None,
    source_region_id: str | Unknown | None,
    encrypt_type: str | Unknown | None,
    live: LiveVault,
) -> str | None:
    """Say in which immutable fact a live mirror differs from a declared one; ``None``: in none.

    A source that is still to be created is none that anything copies; ``encrypt_type``: ``None`` where it follows.
    """
    if not live.is_mirror:
        return "it is not a mirror vault"
    return (
        _difference(
            "source", "a vault that is still to be created" if source_id is None else source_id, live.source_vault_id
        )
        or _difference("source region", source_region_id, live.source_region_id)
        or (_difference("encrypt_type", encrypt_type, live.encrypt_type) if encrypt_type else None)
        or _key_difference(wanted.kms_key_id, live.kms_key_id)
        or (
            _difference("redundancy_type", wanted.redundancy_type, live.redundancy_type)
            if wanted.redundancy_type
            else None
        )
    )


def attempt_doubt(live: LiveVault, unlike: Callable[[LiveVault], str | None], now: float | None) -> str | None:
    """Say why an existing vault of an owner is not surely its own crashed attempt; ``None``: it surely is.

    ``now``: UNIX seconds.
    """
    difference = unlike(live)
    if difference is not None:
        return difference
    if live.holds_data:
        return "it holds backup data"
    if live.created_time is not None and now is not None and now - live.created_time > _ATTEMPT_IS_RECENT:
        return "it is older than a day"
    return None


def adoption_of(  # noqa: PLR0913 - the facts, each with its name
    *,
    name: str,
    vault_id: str,
    region_id: str,
    owner: str | None,
    live: LiveVault | None,
    unlike: Callable[[LiveVault], str | None],
    status: str = "CREATED",
) -> Adoption:
    """Return the facts that decide whether a live vault may be taken over; ``owner``: who asks for it."""
    if live is None:
        return Adoption(name, vault_id, region_id, exists=False)
    manager = live.parts.owner
    foreign = readable_owner(manager) if manager is not None and manager != owner else ""
    return Adoption(
        name,
        vault_id,
        region_id,
        exists=live.region_id == region_id,
        unlike=unlike(live),
        manager=foreign,
        status=status,
    )


def _difference(argument: str, wanted: object, actual: object) -> str | None:
    if not is_known(wanted) or wanted == actual:
        return None
    return f"its {argument} is {actual or 'not set'}, not {wanted or 'unset'}"


def _key_difference(wanted: str | Unknown | None, actual: str | None) -> str | None:
    """Compare keys; the service resolves an alias, so that is not comparable."""
    if not wanted or not is_known(wanted) or wanted.startswith("alias/"):
        return None
    return _difference("kms_key_id", wanted, actual)
