"""What a service recorded during one step of the demo, and whether its order was right.

Decides from the service's own record of calls, never from what Pulumi or the provider printed. Must not ask the service
or run anything: the record and the vaults before and after it are arguments.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

CREATE = "CreateVault"
MIRROR = "CreateReplicationVault"
DELETE = "DeleteVault"
_TAGGING = ("TagResources", "UntagResources")
_LOOKING = ("Describe", "List")
"""How the names of actions begin that change nothing."""


@dataclass(frozen=True)
class Vault:
    """A vault or mirror as the service has it."""

    id: str
    name: str
    region_id: str
    source_id: str | None = None
    """The vault that it is a mirror of."""
    status: str = "CREATED"

    @property
    def is_mirror(self) -> bool:
        """Whether it is a mirror."""
        return self.source_id is not None


@dataclass(frozen=True)
class Call:
    """One recorded call that changes something, or would have."""

    action: str
    vault: Vault
    """The vault it was about; of one that nobody saw before or after, only what the call itself tells."""
    refusal: str | None = None
    """The code with which the service refused it."""


@dataclass(frozen=True)
class Record:
    """What the service saw during one step."""

    calls: tuple[Call, ...]
    """In the order in which the service received them; those that only look are left out."""
    before: Mapping[str, Vault]
    """The vaults before the first call, by id."""
    after: Mapping[str, Vault]
    """The vaults after the last call, by id."""

    @staticmethod
    def of(raw: Iterable[Mapping[str, Any]], before: Mapping[str, Vault], after: Mapping[str, Vault]) -> Record:
        """Read what the emulator answers to ``GET /_emulator/calls``."""
        ordered = sorted(raw, key=lambda call: call["seq"])
        changing = [call for call in ordered if not call["action"].startswith(_LOOKING)]
        new = [vault for id_, vault in after.items() if id_ not in before]
        return Record(tuple(_call(call, {**before, **after}, new) for call in changing), before, after)

    def broken_orders(self) -> tuple[str, ...]:
        """Return a sentence for each call that came when it must not; empty if every order was right.

        A source comes before its mirror and goes after it, and never has two at a time. A refused call counts as
        wrong too, and so does a record that does not lead from the vaults before to those after: what is not
        understood is not right.
        """
        there = dict(self.before)
        broken: list[str] = []
        for call in self.calls:
            if call.refusal is not None:
                broken.append(f"The service refused {call.action} {call.vault.name} ({call.refusal}).")
                continue
            broken += _too_early(call, there)
            if call.action in (CREATE, MIRROR):
                there[call.vault.id] = call.vault
            elif call.action == DELETE:
                there.pop(call.vault.id, None)
        if there.keys() != self.after.keys():
            known = {**there, **self.after}
            unexplained = ", ".join(sorted(known[id_].name for id_ in there.keys() ^ self.after.keys()))
            broken.append(f"The recorded calls do not explain what became of {unexplained}.")
        return tuple(broken)

    def sentence(self) -> str:
        """Tell the calls in their order: ``CreateVault orders, payments; then CreateReplicationVault orders-dr``."""
        told = [call for call in self.calls if call.action not in _TAGGING]
        moved = _names_in_several_regions(told)
        groups = [
            f"{action} {', '.join(_name(call, moved) for call in calls)}"
            for (action, _), calls in itertools.groupby(told, key=lambda call: (call.action, call.vault.is_mirror))
        ]
        tagging = Counter(call.action for call in self.calls if call.action in _TAGGING)
        also = [f"{action} x {count}" for action, count in tagging.items()]
        return "; then ".join(groups) + (f" (and {', '.join(also)})" if also else "") or "no call that changes anything"


def _call(raw: Mapping[str, Any], known: Mapping[str, Vault], new: list[Vault]) -> Call:
    """Read one call; a vault that it creates is taken from ``new``, where each can be created once."""
    action, parameters, code = raw["action"], raw["parameters"], str(raw["code"])
    refusal = None if code == "200" else code
    if action not in (CREATE, MIRROR):
        id_ = parameters.get("VaultId") or parameters.get("ResourceId.1") or ""
        return Call(action, known.get(id_) or Vault(id_, id_ or "?", raw["region_id"] or "?"), refusal)
    name, region_id = parameters.get("VaultName", "?"), parameters.get("VaultRegionId") or raw["region_id"] or "?"
    source_id = parameters.get("ReplicationSourceVaultId")
    vault = Vault("", name, region_id, source_id)
    if refusal is None:
        made = (one for one in new if (one.name, one.region_id, one.source_id) == (name, region_id, source_id))
        vault = next(made, vault)
        if vault in new:
            new.remove(vault)
    return Call(action, vault, refusal)


def _too_early(call: Call, there: Mapping[str, Vault]) -> Iterator[str]:
    """Tell why a call must not come while exactly these vaults are there."""
    vault = call.vault
    if call.action == MIRROR:
        source = there.get(vault.source_id or "")
        if source is None:
            yield f"Mirror {vault.name} was created when its source was not there."
        for other in _mirrors(vault.source_id, there):
            yield f"Mirror {vault.name} was created while its source still had mirror {other.name}."
    elif call.action == DELETE:
        for mirror in _mirrors(vault.id, there):
            yield f"Vault {vault.name} was deleted before its mirror {mirror.name}."


def _mirrors(source_id: str | None, there: Mapping[str, Vault]) -> list[Vault]:
    return [vault for vault in there.values() if vault.is_mirror and vault.source_id == source_id]


def _names_in_several_regions(calls: Sequence[Call]) -> set[str]:
    places = {(call.vault.name, call.vault.region_id) for call in calls}
    return {name for name, count in Counter(name for name, _ in places).items() if count > 1}


def _name(call: Call, moved: set[str]) -> str:
    """Name a vault; with its region where one step touched it in several, with the refusal where there was one."""
    region = f" in {call.vault.region_id}" if call.vault.name in moved else ""
    return f"{call.vault.name}{region}" + (f" [refused: {call.refusal}]" if call.refusal else "")
