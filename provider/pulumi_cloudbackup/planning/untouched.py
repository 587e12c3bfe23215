"""What an update leaves as it is, without having been planned: names and counts of resources that were set apart.

Decides nothing; ``apart`` says what is set apart, and why that makes no difference to anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, overload

from pulumi_cloudbackup.planning.plan import Action, Change, Reason
from pulumi_cloudbackup.planning.world import MIRROR_TYPE, VAULT_TYPE, made_urn
from pulumi_cloudbackup.rules.beside import NOTHING_BESIDE, Beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pulumi_cloudbackup.planning.world import Key


@dataclass(frozen=True)
class Untouched:
    """Resources that stay as they are, and that no rule has anything to say of."""

    vaults: Sequence[Key] = ()
    mirrors: Sequence[Key] = ()
    beside: Beside = NOTHING_BESIDE

    def __len__(self) -> int:
        """Count them."""
        return len(self.vaults) + len(self.mirrors)

    def changes(self) -> Iterator[Change]:
        """Return what happens to each of them: nothing."""
        for type_, kind, keys in ((VAULT_TYPE, "Vault", self.vaults), (MIRROR_TYPE, "MirrorVault", self.mirrors)):
            for account, name in keys:
                yield Change(name, made_urn(account, type_, name), kind, account, Action.NONE, Reason.UNCHANGED)

    def urns(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Return name and URN of each that has one of some names."""
        wanted = frozenset(names)
        for type_, keys in ((VAULT_TYPE, self.vaults), (MIRROR_TYPE, self.mirrors)):
            yield from ((name, made_urn(account, type_, name)) for account, name in keys if name in wanted)


NOTHING_UNTOUCHED: Final = Untouched()


class Unchanged(Sequence[Change]):
    """What stays as it is, planned or set apart; of what was set apart nothing is made before it is asked for."""

    def __init__(self, planned: Sequence[Change], untouched: Untouched) -> None:
        """Put both together."""
        self._planned = planned
        self._untouched = untouched
        self._all: tuple[Change, ...] | None = None

    def __len__(self) -> int:
        """Count them."""
        return len(self._planned) + len(self._untouched)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Change]: ...
    def __getitem__(self, index: int | slice) -> Change | Sequence[Change]:
        """Return one of them, or some: ordered by URN."""
        if self._all is None:
            self._all = tuple(sorted((*self._planned, *self._untouched.changes()), key=lambda change: change.urn))
        return self._all[index]
