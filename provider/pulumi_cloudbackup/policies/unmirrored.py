"""Vaults without a mirror beside mirrors of which nobody knows yet what they copy: how many surely stay without.

Such an *open* mirror copies one vault at most, and only one of its own account and of the region that it tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pulumi_cloudbackup.estate import ExistingSource, is_known
from pulumi_cloudbackup.planning.peaks import matching
from pulumi_cloudbackup.policies.policy import NotYetKnown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pulumi_cloudbackup.estate import MirrorVault, Vault
    from pulumi_cloudbackup.policies.proposal import Proposal

_MOST_NAMED: Final = 10


class Unmirrored(NamedTuple):
    """Vaults that no declared mirror is known to copy, and every open mirror that may copy one of them."""

    vaults: list[Vault]
    open_mirrors: list[MirrorVault]
    """Empty: the vaults, one alone, surely have no mirror."""
    bare: int
    """How many of the vaults surely have no mirror, though nobody knows which."""

    @property
    def waits(self) -> Iterator[NotYetKnown]:
        """What has to be known to say more."""
        return (NotYetKnown(mirror.name, "source") for mirror in self.open_mirrors)

    @property
    def in_words(self) -> str:
        """How many of which vaults."""
        return f"At least {self.bare} of the vaults {_named(one.name for one in self.vaults)}"

    @property
    def why(self) -> str:
        """Why nobody can say more."""
        whose = "whose source is" if len(self.open_mirrors) == 1 else "whose sources are"
        return f"only {_named(one.name for one in self.open_mirrors)}, {whose} not known yet, may copy one each"


def unmirrored(proposal: Proposal, vaults: Sequence[Vault]) -> Iterator[Unmirrored]:
    """Put vaults without a mirror together with those that the same open mirrors may copy; the others stay alone."""
    open_mirrors = [mirror for mirror in proposal.mirrors if not proposal.is_source_known(mirror)]
    choices = [[n for n, one in enumerate(open_mirrors) if _may_copy(proposal, one, vault)] for vault in vaults]
    yield from (Unmirrored([vault], [], 1) for vault, some in zip(vaults, choices, strict=True) if not some)
    for members in _groups(choices):
        bare = len(members) - matching(choices[one] for one in members)
        mirrors = sorted({choice for one in members for choice in choices[one]})
        yield Unmirrored([vaults[one] for one in members], [open_mirrors[one] for one in mirrors], bare)


def _may_copy(proposal: Proposal, mirror: MirrorVault, vault: Vault) -> bool:
    account = proposal.desired.account
    if (mirror.account or account) != (vault.account or account):
        return False
    there = mirror.source.region_id if isinstance(mirror.source, ExistingSource) else vault.region_id
    return not is_known(there) or not is_known(vault.region_id) or there == vault.region_id


def _groups(choices: Iterable[list[int]]) -> list[list[int]]:
    """Return the positions of those who have a choice: who shares one with another is in one group with it."""
    groups: list[tuple[list[int], set[int]]] = []
    for position, some in enumerate(choices):
        if some:
            shared = [one for one in groups if not one[1].isdisjoint(some)]
            groups = [one for one in groups if one[1].isdisjoint(some)]
            members = [member for one in shared for member in one[0]]
            groups.append(([*members, position], {*some}.union(*(one[1] for one in shared))))
    return [members for members, _ in groups]


def _named(names: Iterable[str]) -> str:
    found = [f'"{name}"' for name in names]
    more = len(found) - _MOST_NAMED
    listed = [*found[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else listed[0]
