"""Which arguments of one resource differ, field by field, and which of them replace it.

As the provider's ``diff`` decides (``comparing``), on what was written and its defaults: an unknown value differs, and
replaces where the argument does; what the program does not mention and the service chooses is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import UNKNOWN, MirrorVault, Unknown, Vault, holds_unknown, is_known
from pulumi_cloudbackup.estate.mirror import default_mirror_description, default_mirror_name
from pulumi_cloudbackup.planning.comparing import VAULT_REPLACES
from pulumi_cloudbackup.planning.plan import FieldChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pulumi_cloudbackup.planning.world import New, Old, Resource


_VAULT_UPDATES: Final = (
    "description",
    "tags",
    "worm_enabled",
    "resource_group_id",
    "force_destroy",
    "timeout",
)
_MIRROR_REPLACES: Final = ("region_id", "kms_key_id", "redundancy_type")
_ARGUMENTS: Final = frozenset(
    (*VAULT_REPLACES, *_VAULT_UPDATES, "vault_name", "description", "redundancy_type", "allow_last_copy_loss")
)
_MIRROR_UPDATES: Final = ("allow_last_copy_loss", "timeout")
_UNMANAGED_WHEN_ABSENT: Final = frozenset(("resource_group_id", "encrypt_type", "redundancy_type"))
DESCRIPTION_LIMIT: Final = 255
"""Characters of the description that a mirror has by default."""


class SourceView:
    """What a mirror sees of its source, before or after: the vault's entry, or what was written of it."""

    __slots__ = ("encrypt_type", "id", "name", "region_id")

    def __init__(self, mirror: MirrorVault, vault: Vault | None, instance: str | None) -> None:
        """Look at the source of a mirror; ``instance``: the vault that it is."""
        self.id: Any = instance
        if vault is not None:
            self.name: Any = vault.display_name
            self.region_id: Any = vault.region_id
            self.encrypt_type: Any = vault.encrypt_type
        elif not isinstance(mirror.source, str):
            self.name = mirror.source.id if mirror.source.vault_name is None else mirror.source.vault_name
            self.region_id = mirror.source.region_id
            self.encrypt_type = mirror.source.encrypt_type
        else:
            self.name = self.region_id = self.encrypt_type = None


def vault_fields(old: Old, new: New) -> tuple[FieldChange, ...]:
    """Return the arguments of a vault that differ."""
    before, after = old.resource, new.resource
    assert isinstance(before, Vault)  # noqa: S101 - only equals are matched
    assert isinstance(after, Vault)  # noqa: S101 - as above
    if before is after and old.urn == new.urn:
        return ()
    return _with_options(after, _vault_fields(before, after, old, new))


def _vault_fields(before: Vault, after: Vault, old: Old, new: New) -> Iterator[FieldChange]:
    yield from _fields(VAULT_REPLACES, before, after, replaces=True)
    if before.name != after.name or before.vault_name != after.vault_name:
        yield from _field("vault_name", before.display_name, after.display_name)
    yield from _fields(_VAULT_UPDATES, before, after)
    if before.options is not after.options:
        yield from _field("retain_on_delete", before.options.retain_on_delete, after.options.retain_on_delete)
    yield from _identity_fields(old, new)


def mirror_fields(old: Old, new: New, before: SourceView, after: SourceView) -> tuple[FieldChange, ...]:
    """Return the arguments of a mirror that differ; its source is compared as a physical vault."""
    mirror, wanted = old.resource, new.resource
    assert isinstance(mirror, MirrorVault)  # noqa: S101 - only equals are matched
    assert isinstance(wanted, MirrorVault)  # noqa: S101 - as above
    return _with_options(wanted, _mirror_fields(mirror, wanted, (old, new), (before, after)))


def _mirror_fields(
    mirror: MirrorVault, wanted: MirrorVault, pair: tuple[Old, New], sources: tuple[SourceView, SourceView]
) -> Iterator[FieldChange]:
    before, after = sources
    yield from _fields(("region_id",), mirror, wanted, replaces=True)
    if before.id is None or not is_known(after.id) or before.id != after.id:
        yield FieldChange("source", before.id, UNKNOWN if after.id is None else after.id, replaces=True)
    elif before.region_id is not None and after.region_id is not None and before.region_id != after.region_id:
        yield from _field("source.region_id", before.region_id, after.region_id, replaces=True)
    encrypt_type = before.encrypt_type if mirror.encrypt_type is None else mirror.encrypt_type
    wanted_type = after.encrypt_type if wanted.encrypt_type is None else wanted.encrypt_type
    if encrypt_type is not None and encrypt_type != wanted_type:
        yield from _field("encrypt_type", encrypt_type, wanted_type, replaces=True)
    yield from _fields(("kms_key_id", "redundancy_type"), mirror, wanted, replaces=True)
    written = (mirror.vault_name, mirror.description, before.name, before.id)
    if written != (wanted.vault_name, wanted.description, after.name, after.id):
        yield from _mirror_texts(mirror, wanted, before, after)
    yield from _fields(_MIRROR_UPDATES, mirror, wanted)
    yield from _identity_fields(*pair)


def _mirror_texts(
    mirror: MirrorVault, wanted: MirrorVault, before: SourceView, after: SourceView
) -> Iterator[FieldChange]:
    names = (
        (_mirror_name(mirror, before), _mirror_name(wanted, after)),
        (_mirror_description(mirror, before), _mirror_description(wanted, after)),
    )
    for path, (name, wanted_name) in zip(("vault_name", "description"), names, strict=True):
        if name is not None and wanted_name is not None:
            yield from _field(path, name, wanted_name)


def unseen_fields(after: Vault | MirrorVault, told: Sequence[FieldChange]) -> tuple[FieldChange, ...]:
    """Return the arguments that may differ though nobody is shown how: those that are not known, beside ``told``."""
    paths = dict.fromkeys(("vault_name", *_VAULT_UPDATES, *_MIRROR_UPDATES))
    known_ones = {one.path.partition(".")[0] for one in told}
    hidden = [path for path in paths if path not in known_ones and holds_unknown(getattr(after, path, None))]
    return tuple(FieldChange(path, UNKNOWN, UNKNOWN, replaces=False) for path in hidden)


def _identity_fields(old: Old, new: New) -> Iterator[FieldChange]:
    """Tell another account, which replaces, and another owner, which is written anew."""
    if old.account != new.account:
        yield FieldChange("account", old.account, new.account, replaces=True)
    if old.resource.owner and new.resource.owner and old.resource.owner != new.resource.owner:
        yield FieldChange("owner", old.resource.owner, new.resource.owner, replaces=False)
    elif old.urn != new.urn and old.resource.name != new.resource.name:
        yield FieldChange("name", old.resource.name, new.resource.name, replaces=False)


def _fields(
    paths: tuple[str, ...], before: Vault | MirrorVault, after: Vault | MirrorVault, *, replaces: bool = False
) -> Iterator[FieldChange]:
    """Compare several arguments; most of them are equal."""
    olds, news = before.__dict__, after.__dict__
    for path in paths:
        value, wanted = olds[path], news[path]
        if value is not wanted and (value != wanted or isinstance(wanted, dict)):
            yield from _field(path, value, wanted, replaces=replaces)


def _field(path: str, before: Any, after: Any, *, replaces: bool = False) -> Iterator[FieldChange]:
    """Compare two values; absent, empty and switched off are one."""
    if before is after or (after is None and path in _UNMANAGED_WHEN_ABSENT):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _entries(path, before, after, replaces=replaces)
    elif isinstance(before, Unknown) or isinstance(after, Unknown) or _plain(before) != _plain(after):
        yield FieldChange(path, before, after, replaces)


def _entries(path: str, before: dict[str, Any], after: dict[str, Any], *, replaces: bool) -> Iterator[FieldChange]:
    """Compare two mappings entry by entry."""
    values = (*before.values(), *after.values())
    if all(isinstance(value, str) for value in values):
        keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    elif before == after and not any(isinstance(value, Unknown) for value in after.values()):
        return
    else:
        from deepdiff import DeepDiff  # noqa: PLC0415 - 0.3 s, and few entries are anything but texts

        found = DeepDiff(before, after, ignore_numeric_type_changes=True, threshold_to_diff_deeper=0, view="tree")
        keys = {item.path(output_format="list")[0] for items in found.values() for item in items}
        keys |= {key for key, value in after.items() if isinstance(value, Unknown)}
    for key in sorted(keys):
        yield FieldChange(f"{path}.{key}", before.get(key), after.get(key), replaces)


def _plain(value: Any) -> Any:
    return None if value is False or value in ("", {}) else value


def _with_options(resource: Vault | MirrorVault, fields: Iterator[FieldChange]) -> tuple[FieldChange, ...]:
    """Leave out what the user lets the engine ignore.

    ``replace_on_changes`` has no effect on dynamic resources: their host tells the engine no changed properties.
    """
    ignored = resource.options.ignore_changes
    if not ignored:
        return tuple(fields)
    return tuple(one for one in fields if one.path in ("owner", "name") or not _is_listed(one.path, ignored))


def with_ignored(old: Old, new: New) -> Resource:
    """Return what is declared with the old values of the arguments that the user lets the engine ignore."""
    before, after = old.resource, new.resource
    ignored = {path for path in after.options.ignore_changes if path in _ARGUMENTS}
    if "*" in after.options.ignore_changes:
        ignored = set(_ARGUMENTS)
    own = ignored & type(after).model_fields.keys() & type(before).model_fields.keys()
    return after.model_copy(update={key: getattr(before, key) for key in own})


def _is_listed(path: str, listed: tuple[str, ...]) -> bool:
    """Whether a list of property paths covers an argument; the source goes by the names of its properties."""
    root = path.partition(".")[0]
    names = {"*", path, root, "source_vault_id"} if root == "source" else {"*", path, root}
    return any(one.strip("[\"']") in names or one.partition("[")[0] in names for one in listed)


def _mirror_name(mirror: MirrorVault, source: SourceView) -> Any:
    if mirror.vault_name is not None:
        return mirror.vault_name
    return default_mirror_name(source.name) if source.name is not None and is_known(source.name) else None


def _mirror_description(mirror: MirrorVault, source: SourceView) -> Any:
    if mirror.description is not None:
        return mirror.description
    if source.name is None or source.id is None:
        return None
    found = default_mirror_description(source.name, source.id, DESCRIPTION_LIMIT)
    return found if is_known(found) else None
