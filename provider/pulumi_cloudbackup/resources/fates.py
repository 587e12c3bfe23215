"""What becomes of each declared resource: what it was, what it is live, and whether it stays, is replaced or is new.

Pure. Says "not known yet" wherever the engine will know more than the program: whether a vault that is gone is created
again depends on what a refresh found, and what a resource was called depends on parents that are not registered yet.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.estate import UNKNOWN, MirrorVault, Source, Unknown, Vault
from pulumi_cloudbackup.estate.mirror import mirror_encrypt_type
from pulumi_cloudbackup.estate.vault import DEFAULT_ENCRYPT_TYPE, DEFAULT_VAULT_TYPE
from pulumi_cloudbackup.planning.comparing import known_or, mirror_difference, vault_difference
from pulumi_cloudbackup.planning.matching import Identity, matched
from pulumi_cloudbackup.resources.likeness import adoption_of, attempt_doubt, mirror_unlike, vault_unlike
from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE, type_of
from pulumi_cloudbackup.resources.settings import Judging
from pulumi_cloudbackup.resources.wire import as_far_as_usable, mirror_of, source_problems, source_property, vault_of
from pulumi_cloudbackup.rules import judge
from pulumi_cloudbackup.rules.adoption_rules import Adoption, Attempt
from pulumi_cloudbackup.rules.option_rules import judge_mirror_options, judge_source_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pulumi_cloudbackup.estate import LiveVault
    from pulumi_cloudbackup.planning.comparing import Difference
    from pulumi_cloudbackup.resources.account import LiveAccount
    from pulumi_cloudbackup.resources.own_state import OldResource
    from pulumi_cloudbackup.resources.resolving import Declared
    from pulumi_cloudbackup.rules import Problem


@dataclass(frozen=True)
class Evidence:
    """What is known beside the declarations."""

    old: Mapping[str, OldResource] | None = None
    """The stack's old state by URN; ``None``: nobody can tell."""
    live: Mapping[str | None, LiveAccount] = field(default_factory=dict)
    """What the service said, by account; empty: it was not asked."""
    own_prefix: str = ""
    """What the owners of this stack begin with: project and stack."""
    now: int | None = None
    """The moment, in UNIX seconds."""
    today: str = "1970-01-01"
    """The day, for waivers."""
    judging: Judging = field(default_factory=Judging)
    """How problems are taken."""
    notes: tuple[str, ...] = ()
    """What a person should know, whatever the rules say."""
    held: frozenset[str] = frozenset()
    """The owners whose creates this run holds."""
    is_stage: bool = False
    """Whether this run is one of several that lead to what is declared."""
    is_whole: bool = True
    """Whether everything that the program declares is known; otherwise nothing is taken for removed."""
    is_observed: bool = False
    """Whether both sides of the change are wanted too."""

    def is_gone(self, old: OldResource) -> bool:
        """Whether the service surely has the vault of an old resource no more."""
        answer = self.live.get(old.text("account") or None)
        return answer is not None and answer.is_gone(old.vault_id, old.text("region_id"))


@dataclass
class Fate:
    """One declared resource, what it was, and what becomes of it."""

    label: str
    """What messages call it."""
    declared: Declared
    resource: Vault | MirrorVault
    problems: tuple[Problem, ...]
    """What its own arguments and options show before anything else is looked at."""
    old: OldResource | None
    """What it was before; ``None``: it is new, or nobody can tell."""
    may_be_old: bool = False
    """Whether nobody can tell which vault it is: its name is not known yet, or somebody has to decide first."""
    source: Fate | None = None
    """Mirrors: the source, where the program declares it."""
    replaced_because: tuple[str, ...] = ()
    """The arguments that surely replace it."""
    may_be_replaced: bool = False
    """Whether an argument that is not known yet may replace it."""
    found: LiveVault | None = None
    """The live vault that it is now, an interrupted run's attempt included."""
    is_gone: bool = False
    """Whether the service surely has its old vault no more."""

    @property
    def account(self) -> str | None:
        """The account that it is in."""
        return self.resource.account

    @property
    def old_id(self) -> str:
        """The id of the vault that it was; empty: it was none."""
        return self.old.vault_id if self.old is not None else ""

    @property
    def is_parked(self) -> bool:
        """Whether an earlier stage left its creation out."""
        return self.old is not None and not self.old_id

    @property
    def id(self) -> str | Unknown | None:
        """The id of its vault after the update; ``None``: that is still to be created."""
        if self.replaced_because:
            return None
        if self.may_be_replaced or self.may_be_old or (self.is_gone and isinstance(self.resource, Vault)):
            return UNKNOWN
        if self.old_id:
            return self.old_id
        return self.found.id if self.found is not None else self.resource.adopt_id

    @property
    def source_id(self) -> str | Unknown | None:
        """Mirrors: the id of the source after the update; ``None``: that is still to be created."""
        if self.source is not None:
            return self.source.id
        found: str | Unknown | None = self.declared.properties.get("source_vault_id", UNKNOWN)
        return found

    @property
    def option_values(self) -> Mapping[str, Any]:
        """The options that bear on safety."""
        return self.declared.declaration.option_values


def fates_of(declared: Sequence[Declared], evidence: Evidence) -> list[Fate]:
    """Read every declaration, find its old resource and its live vault, and say what becomes of it: sources first."""
    labels = _labels(declared)
    identities = [Identity(one.urn, _of_its_kind(one)) for one in declared]
    olds = matched(identities, evidence.old or {})
    fates = [_read(one, label, old) for one, label, old in zip(declared, labels, olds, strict=True)]
    by_resource = {id(fate.declared.declaration.resource): fate for fate in fates}
    names = {(old.is_mirror, old.name) for old in (evidence.old or {}).values()}
    for fate in fates:
        is_mirror = isinstance(fate.resource, MirrorVault)
        fate.may_be_old = fate.declared.urn is None and (is_mirror, fate.declared.declaration.name) in names
        source = fate.declared.declaration.source
        if is_mirror and source is not None and id(source) in by_resource:
            fate.source = by_resource[id(source)]
            fate.declared = replace(fate.declared, properties=_with_kept(fate.declared, fate.source))
            fate.resource = fate.resource.model_copy(update={"source": fate.source.label})
            fate.source.problems += judge_source_options(fate.source.label, fate.source.option_values, fate.label)
    adopters: dict[str, str] = {}
    for fate in sorted(fates, key=lambda one: one.label):
        if not fate.old_id and isinstance(fate.resource.adopt_id, str):
            adopters.setdefault(fate.resource.adopt_id, fate.label)
    for fate in sorted(fates, key=lambda one: isinstance(one.resource, MirrorVault)):
        _settle(fate, evidence, adopters)
    return fates


def _of_its_kind(one: Declared) -> tuple[str, ...]:
    """Return the earlier URNs of a resource; one of another type is not what it was."""
    wanted = VAULT_TYPE if one.declaration.kind == "Vault" else MIRROR_TYPE
    return tuple(alias for alias in one.aliases if alias.count("::") >= 3 and type_of(alias) == wanted)  # noqa: PLR2004


def _read(declared: Declared, label: str, old: OldResource | None) -> Fate:
    """Read one declaration; what is of no usable kind is a problem, and the rest is judged as if it were not known."""
    is_vault = declared.declaration.kind == "Vault"
    if old is not None:
        declared = replace(declared, properties=_with_ignored(declared, old))
    resource: Vault | MirrorVault
    if is_vault:
        resource, problems = as_far_as_usable(vault_of, declared.properties, label)
    else:
        resource, problems = as_far_as_usable(mirror_of, declared.properties, label)
        problems += source_problems(declared.properties, label)
        problems += judge_mirror_options(label, declared.declaration.option_values)
    return Fate(label, declared, resource, problems, old)


def _with_ignored(declared: Declared, old: OldResource) -> Mapping[str, Any]:
    """Return the properties that count: of what the user lets the engine ignore, the old ones."""
    ignored = [str(path) for path in declared.declaration.option_values.get("ignore_changes") or ()]
    if not ignored:
        return declared.properties
    properties = dict(declared.properties)
    for key in properties if "*" in ignored else ignored:
        name = key.partition(".")[0].partition("[")[0]
        if name in properties and (old.outputs.get(name) is not None or name == key):
            properties[name] = old.outputs.get(name)
    return {key: value for key, value in properties.items() if value is not None}


def _with_kept(declared: Declared, source: Fate) -> Mapping[str, Any]:
    """Return a mirror's properties with what its source really is, where the engine keeps that as it was."""
    resource = source.declared.declaration.resource
    kept = getattr(resource, "kept_by_engine", ())
    told = {source_property(key): source.declared.properties.get(key) for key in kept}
    return {**declared.properties, **{key: value for key, value in told.items() if value is not None}}


def _settle(fate: Fate, evidence: Evidence, adopters: Mapping[str, str]) -> None:
    """Find out what becomes of one resource; a mirror's source comes before it."""
    live = evidence.live.get(fate.account)
    if fate.old is not None and fate.old_id:  # without an id it was parked: it is created like a new one
        difference, after = _difference(fate, fate.old)
        to_be_created = ("source_vault_id",) if fate.source is not None and fate.source.id is None else ()
        fate.replaced_because = known_or(difference.replaces, after, *to_be_created)
        fate.may_be_replaced = bool(difference.replaces) and not fate.replaced_because
        if live is not None:
            fate.found = live.find(fate.old_id)
            fate.is_gone = live.is_gone(fate.old_id, fate.old.text("region_id"))
        return
    wanted = fate.resource
    if wanted.adopt_id in {old.vault_id for old in (evidence.old or {}).values()} - {""}:
        pass  # the plan of the whole stack says what is wrong with that
    elif isinstance(wanted.adopt_id, str) and wanted.adopt_id and isinstance(wanted.region_id, str):
        refused = _adoption(fate, live, adopters[wanted.adopt_id])
        fate.problems += refused
        if refused:  # it is judged on as one to be created
            fate.resource = wanted.model_copy(update={"adopt_id": None})
        elif live is not None:
            fate.found = live.find(wanted.adopt_id)
    elif wanted.adopt_id == "":
        nothing = Adoption(fate.label, "", str(wanted.region_id), exists=False)
        fate.problems += judge(("CB112",), fate.label, nothing).problems
        fate.resource = wanted.model_copy(update={"adopt_id": None})
    elif (
        live is not None
        and wanted.adopt_id is None
        and wanted.owner
        and evidence.old is not None
        and not fate.may_be_old
    ):
        _find_attempt(fate, live, evidence.now)
    elif live is not None and wanted.owner:
        fate.found = next(iter(_own(fate, live)), None)


def _find_attempt(fate: Fate, live: LiveAccount, now: int | None) -> None:
    """Find what an interrupted run created for it; what says it is ours and surely is not that stands in the way."""
    if fate.option_values.get("delete_before_replace") is False:
        return  # the user gave up being found again
    for one in _own(fate, live):
        doubt = attempt_doubt(one, _unlike(fate), now)
        if doubt is None and one.status == "ERROR":
            continue  # it is removed, and created anew
        if doubt is None and fate.found is None:
            fate.found = one
            continue
        rival = f"so does {fate.found.id}" if fate.found is not None else ""
        attempt = Attempt(fate.label, one.id, one.region_id, doubt or rival)
        fate.problems += judge(("CB113",), fate.label, attempt).problems
        fate.may_be_old = True


def _own(fate: Fate, live: LiveAccount) -> list[LiveVault]:
    """Return the vaults of its region that say they belong to it."""
    listed = live.vaults.get(str(fate.resource.region_id), {}) if isinstance(fate.resource.region_id, str) else {}
    is_mirror = isinstance(fate.resource, MirrorVault)
    return [one for one in listed.values() if one.parts.owner == fate.resource.owner and one.is_mirror == is_mirror]


def _unlike(fate: Fate) -> Callable[[LiveVault], str | None]:
    wanted = fate.resource

    def unlike(live: LiveVault) -> str | None:
        if isinstance(wanted, Vault):
            return vault_unlike(wanted, live)
        source_region_id = fate.declared.properties.get("source_region_id", UNKNOWN)
        return mirror_unlike(wanted, fate.source_id, source_region_id, wanted.encrypt_type, live)

    return unlike


def _adoption(fate: Fate, answer: LiveAccount | None, first: str) -> tuple[Problem, ...]:
    """Judge the taking over of an existing vault, where its region was listed; ``first``: who takes it over first."""
    vault_id, region_id = str(fate.resource.adopt_id), str(fate.resource.region_id)
    if first != fate.label:
        rival = Adoption(fate.label, vault_id, region_id, exists=True, rival=first)
        return judge(("CB112",), fate.label, rival).problems
    if answer is None or region_id not in answer.vaults:
        return ()
    live = answer.vaults[region_id].get(vault_id)
    adoption = adoption_of(
        name=fate.label,
        vault_id=vault_id,
        region_id=region_id,
        owner=fate.resource.owner,
        live=live,
        unlike=_unlike(fate),
        status="ERROR" if live is not None and live.status == "ERROR" else "CREATED",
    )
    return judge(("CB112",), fate.label, adoption).problems


def _difference(fate: Fate, old: OldResource) -> tuple[Difference, Mapping[str, Any]]:
    """Compare what a resource was with what is declared, as the provider will."""
    after = dict(fate.declared.properties)
    if isinstance(fate.resource, Vault):
        after = {"vault_type": DEFAULT_VAULT_TYPE, "encrypt_type": DEFAULT_ENCRYPT_TYPE, **after}
    else:
        source_id = fate.source_id
        after["source_vault_id"] = UNKNOWN if source_id is None else source_id
        encrypt_type = mirror_encrypt_type(fate.resource, Source(encrypt_type=after.get("source_encrypt_type")))
        if encrypt_type is not None:
            after["encrypt_type"] = encrypt_type
    compare = vault_difference if isinstance(fate.resource, Vault) else mirror_difference
    difference = compare(old.outputs, after)
    wanted = fate.option_values.get("replace_on_changes") or ()
    forced = tuple(key for key in difference.updates if key in wanted or ("*" in wanted and key != "owner"))
    return type(difference)((*difference.replaces, *forced), difference.updates), after


def _labels(declared: Sequence[Declared]) -> list[str]:
    """Name resources as their authors do; where two below different parents share a name, with the parent."""
    names = Counter(one.declaration.name for one in declared)
    labels: list[str] = []
    taken: set[str] = set()
    for one in declared:
        label = one.declaration.name
        if names[label] > 1 and one.declaration.parent_name:
            label = f"{one.declaration.parent_name}/{label}"
        while label in taken:
            label += "'"
        taken.add(label)
        labels.append(label)
    return labels
