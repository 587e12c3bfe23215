"""Whether two entries of estate files, as JSON holds them, say the same of one resource.

Knows what usual entries have; an entry with anything else is unusual, and is left to those who read all of it. What the
current file alone may say (ids, status, sizes) is no difference, nor is a default that one of the two writes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pulumi_cloudbackup.estate.mirror import default_mirror_description, default_mirror_name
from pulumi_cloudbackup.estate.vault import DEFAULT_ENCRYPT_TYPE, DEFAULT_VAULT_TYPE, VAULT_NAME_LIMIT
from pulumi_cloudbackup.planning.differing import DESCRIPTION_LIMIT as MIRROR_DESCRIPTION_LIMIT
from pulumi_cloudbackup.planning.world import VAULT_TYPE, made_urn
from pulumi_cloudbackup.rules.argument_rules import DESCRIPTION_LIMIT, TAG_LIMIT, tag_is_accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Entry: TypeAlias = dict[str, Any]
Types: TypeAlias = tuple[type, ...]

SIZES: Final = ("bytes_stored", "snapshot_count")
"""Numbers that are never below zero."""
_TEXT: Final[Types] = (str, type(None))
_TRUTH: Final[Types] = (bool, type(None))
_NUMBER: Final[Types] = (int, type(None))
_ARGUMENTS: Final[dict[str, Types]] = {
    "name": (str,),
    "region_id": (str,),
    "account": _TEXT,
    "vault_name": _TEXT,
    "description": _TEXT,
    "kms_key_id": _TEXT,
    "managed_by": _TEXT,
    "protect": (bool,),
}
_FACTS: Final[dict[str, Types]] = {
    "id": _TEXT,
    "status": _TEXT,
    "owner": _TEXT,
    "holds_data": _TRUTH,
    "snapshot_count": _NUMBER,
    "bytes_stored": _NUMBER,
    "created_time": _NUMBER,
}
_VAULT_FACTS: Final[dict[str, Types]] = {
    **_FACTS,
    "charge_type": _TEXT,
    "is_trial": _TRUTH,
    "mirror_id": _TEXT,
    "mirror_region_id": _TEXT,
}
_MIRROR_FACTS: Final[dict[str, Types]] = {
    **_FACTS,
    "replication_status": _TEXT,
    "replication_progress": _NUMBER,
    "source_status": _TEXT,
    "status_message": _TEXT,
    "worm_enabled": _TRUTH,
}
_NOT_COMPARED: Final = frozenset(("account", "protect", "managed_by"))
"""The account is part of the key; ``protect`` bears on deletions only; who manages an entry is asked for by itself."""
_BEARS_ON_ITSELF: Final = frozenset(("description", "tags", "force_destroy", "resource_group_id"))
"""Arguments of a vault that mean nothing to its mirror."""
_DEFAULTS: Final[dict[str, Any]] = {
    "vault_type": DEFAULT_VAULT_TYPE,
    "encrypt_type": DEFAULT_ENCRYPT_TYPE,
    "worm_enabled": False,
    "tags": {},
    "force_destroy": False,
}


@dataclass(frozen=True)
class Kind:
    """What usual entries of one kind have."""

    types: Mapping[str, Types]
    """Their arguments, with the types that the values have in JSON."""
    facts: frozenset[str]
    """Those of them that only the current file need have."""
    needed: frozenset[str]
    shared: tuple[str, ...]
    """What rules judge and many entries have alike."""


VAULTS: Final = Kind(
    {
        **_ARGUMENTS,
        **_VAULT_FACTS,
        "vault_type": (str,),
        "encrypt_type": (str,),
        "worm_enabled": (bool,),
        "resource_group_id": _TEXT,
        "tags": (dict, type(None)),
        "force_destroy": (bool,),
    },
    frozenset(_VAULT_FACTS),
    frozenset(("name", "region_id")),
    ("region_id", "vault_type", "encrypt_type", "kms_key_id", "status", "charge_type", "is_trial", "managed_by"),
)
MIRRORS: Final = Kind(
    {**_ARGUMENTS, **_MIRROR_FACTS, "source": (str,), "encrypt_type": _TEXT, "redundancy_type": _TEXT},
    frozenset(_MIRROR_FACTS),
    frozenset(("name", "region_id", "source")),
    (
        *("region_id", "encrypt_type", "kms_key_id", "redundancy_type"),
        *("status", "source_status", "status_message", "managed_by"),
    ),
)


class Comparison(NamedTuple):
    """How entries of certain arguments, each of a certain type, are compared."""

    written: Callable[[Entry], Any]
    """Returns the arguments that both have."""
    lasting: Callable[[Entry], Any]
    """Returns those of them that bear on others too."""
    shared: Callable[[Entry], Any]
    """Returns, of the current entry, what many entries have alike."""
    verdicts: dict[Any, Any]
    """Room for what becomes of each of that."""
    sizes: Callable[[Entry], tuple[int, ...]] | None
    """Returns how much the current entry holds; ``None``: it does not say."""
    has_texts: bool
    """Whether there is a name, a description or a tag to judge."""
    is_rare: bool
    """Whether there is more to look at: a reported mirror, a declared owner, arguments that only one entry has."""
    one_sided: tuple[str, ...]
    """Arguments that only one entry has."""

    def is_alike(self, old: Entry, new: Entry) -> bool:
        """Whether the common arguments are equal, every rule likes the texts, and nothing holds less than nothing."""
        is_same = bool(self.written(new) == self.written(old)) and (not self.has_texts or _texts_are_fine(new))
        return is_same and (self.sizes is None or min(self.sizes(old)) >= 0)

    def is_steady(self, old: Entry, new: Entry) -> bool:
        """Whether the entries differ, if at all, in nothing that bears on others."""
        return bool(self.lasting(new) == self.lasting(old)) and _BEARS_ON_ITSELF.issuperset(self.one_sided)


class Comparisons:
    """Finds out how entries are compared, once for all pairs that have the same arguments of the same types."""

    def __init__(self, kind: Kind) -> None:
        """Begin with none."""
        self._kind = kind
        self._known: dict[Any, Comparison | None] = {}

    def of(self, old: Entry, new: Entry) -> Comparison | None:
        """Return how two entries are compared; ``None``: one of them is unusual."""
        form = (*new, *map(type, new.values()), *old, *map(type, old.values()))
        try:
            return self._known[form]
        except KeyError:
            found = self._known[form] = _comparison(self._kind, old, new)
            return found


def _comparison(kind: Kind, old: Entry, new: Entry) -> Comparison | None:
    """Work out how entries like these are compared; ``None``: one of them is unusual."""
    for entry in (old, new):
        if any(type(value) not in kind.types.get(name, ()) for name, value in entry.items()):
            return None
    there, declared = ({name for name, value in one.items() if value is not None} for one in (old, new))
    if not kind.needed <= there & declared or "managed_by" in declared or not declared & kind.facts <= there:
        return None
    common = sorted((there & declared) - _NOT_COMPARED)
    one_sided = sorted((there ^ declared) - kind.facts - _NOT_COMPARED)
    sizes = [name for name in SIZES if type(old.get(name)) is int]
    return Comparison(
        itemgetter(*common),
        itemgetter(*(name for name in common if name not in _BEARS_ON_ITSELF)),
        itemgetter(*(name for name in kind.shared if name in old)),
        {},
        itemgetter(sizes[0], sizes[-1]) if sizes else None,
        not declared.isdisjoint(("vault_name", "description", "tags")),
        bool(one_sided) or "mirror_id" in there or "owner" in declared,
        tuple(one_sided),
    )


def _texts_are_fine(entry: Entry) -> bool:
    """Whether the rules about texts are content: CB101, CB102, CB108."""
    name, description, tags = entry.get("vault_name"), entry.get("description"), entry.get("tags")
    if name is not None and not 0 < len(name) <= VAULT_NAME_LIMIT:
        return False
    if description is not None and len(description) > DESCRIPTION_LIMIT:
        return False
    if not tags:
        return True
    if len(tags) > TAG_LIMIT:
        return False
    for key, value in tags.items():  # noqa: SIM110 - a third of the time of all()
        if type(value) is not str or not tag_is_accepted(key, value):
            return False
    return True


def vault_means_the_same(name: str, old: Entry, new: Entry) -> bool:
    """Whether an argument that one entry of a vault has means the same as its absence in the other."""
    if name == "vault_name":
        return bool(_written(name, old, new) == old["name"][:VAULT_NAME_LIMIT])
    # What the program does not mention and the service chooses is left alone.
    is_left_alone = name == "resource_group_id" and new.get(name) is None
    return is_left_alone or bool(_written(name, old, new) == _DEFAULTS.get(name, ""))


def mirror_means_the_same(name: str, old: Entry, new: Entry, account: str, source: Entry) -> bool:
    """Whether an argument that one entry of a mirror has means the same as its absence in the other."""
    written = _written(name, old, new)
    source_name = source["name"][:VAULT_NAME_LIMIT] if source.get("vault_name") is None else source["vault_name"]
    match name:
        case "redundancy_type":
            return new.get(name) is None
        case "encrypt_type":
            return new.get(name) is None and bool(written == source.get(name, DEFAULT_ENCRYPT_TYPE))
        case "vault_name":
            return written == default_mirror_name(source_name)
        case "description":
            source_id = source.get("id") or made_urn(account, VAULT_TYPE, source["name"])
            return written == default_mirror_description(source_name, source_id, MIRROR_DESCRIPTION_LIMIT)
        case _:
            return not written


def _written(name: str, old: Entry, new: Entry) -> object:
    """Return the value of an argument that one of two entries has."""
    value: object = new.get(name)
    return old.get(name) if value is None else value
