"""Laws of the second run: an unchanged program, small edits of it, and what becomes of the vaults that exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from callers import worlds
from callers.worlds import Account, Prior, Written
from engine_harness import Service
from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.emulator import Emulator, Settings
from pulumi_cloudbackup.planning.comparing import mirror_difference, vault_difference
from pulumi_cloudbackup.planning.matching import Identity, matched
from pulumi_cloudbackup.resources import lifecycle
from pulumi_cloudbackup.resources.checking import checked_mirror, checked_vault
from pulumi_cloudbackup.resources.mirror_lifecycle import MirrorLifecycle
from pulumi_cloudbackup.resources.own_state import OldResource
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.resolving import Declared
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.vault_lifecycle import VaultLifecycle

FIXED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
QUOTAS = {"CB211", "CB212"}
HARMLESS = ("unchanged", "described", "named", "tagged", "renamed with alias")
VAULT_EDITS = (*HARMLESS, "moved", "renamed", "removed")
MIRROR_EDITS = (*HARMLESS, "moved", "renamed", "removed", "on another source")
REGIONS = ["cn-shanghai", "cn-qingdao", "cn-shenzhen", "cn-zhangjiakou"]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(Settings(initializing_seconds=0.0, mirrors_per_region=50)) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_PAUSES", (0.01,))
    monkeypatch.setattr(lifecycle, "_BLOCKED_PATIENCE", 0.1)


@dataclass(frozen=True)
class Story:
    """A program, an edit of each of its resources, and the program that comes of it."""

    priors: tuple[Prior, ...]
    first: tuple[Written, ...]
    edits: Mapping[str, str]
    """By the name in the first program."""
    second: tuple[Written, ...]
    with_data: frozenset[str] = frozenset()
    """Vaults that hold backups by the time of the second run."""

    def stays(self, mirror: Written) -> bool:
        """Whether the source of a mirror of the first program is the same vault after the second."""
        assert mirror.source is not None
        kind, number = mirror.source
        vaults = [one for one in self.first if not one.is_mirror]
        return kind == "prior" or self.edits[vaults[number].name] in HARMLESS


@st.composite
def stories(draw: st.DrawFn, *, vault_edits: Sequence[str], mirror_edits: Sequence[str]) -> Story:
    """A sound program with a vault or more, and an edit of each resource."""
    priors = tuple(Prior() for _ in range(draw(st.integers(0, 1))))
    vaults = [
        Written(f"v{number}", {"region_id": "cn-hangzhou", **draw(st.sampled_from([{}, {"worm_enabled": True}, {"tags": {"a": "b"}}]))})
        for number in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    sources = [("vault", number) for number in range(len(vaults))] + [
        ("prior", number) for number in range(len(priors))
    ]
    mirrors = [
        Written(f"m{number}", {"region_id": draw(st.sampled_from(REGIONS[:3]))}, source)
        for number, source in enumerate(sources)
        if draw(st.sampled_from([True, True, False]))
    ]
    edits = {
        one.name: draw(st.sampled_from(mirror_edits if one.is_mirror else vault_edits)) for one in (*vaults, *mirrors)
    }
    # A vault that is removed takes its mirror along: a program cannot declare one without the other.
    for one in mirrors:
        if one.source is not None and one.source[0] == "vault" and edits[vaults[one.source[1]].name] == "removed":
            edits[one.name] = "removed"
    left = [number for number, one in enumerate(vaults) if edits[one.name] != "removed"]
    second = [edited(vaults[number], edits[vaults[number].name]) for number in left]
    taken = {one.source for one in mirrors if edits[one.name] not in ("removed", "on another source")}
    for one in mirrors:
        if edits[one.name] == "removed":
            continue
        source = one.source
        if edits[one.name] == "on another source":
            free = [which for which in sources if which not in taken and (which[0] == "prior" or which[1] in left)]
            source = free[0] if free else source
            taken.add(source)
        assert source is not None
        moved = ("vault", left.index(source[1])) if source[0] == "vault" else source
        second.append(edited(replace(one, source=moved), edits[one.name]))
    with_data = frozenset(one.name for one in vaults if draw(st.sampled_from([False, False, True])))
    return Story(priors, (*vaults, *mirrors), edits, tuple(second), with_data)


def edited(one: Written, edit: str) -> Written:
    """The same resource after an edit; a mirror has no tags."""
    if edit.startswith("renamed"):
        return worlds.renamed(one, f"{one.name}-renamed", alias=edit == "renamed with alias")
    changes: dict[str, dict[str, Any]] = {
        "described": {"description": "changed"},
        "named": {"vault_name": f"new-{one.name}"},
        "tagged": {} if one.is_mirror else {"tags": {"team": "shop"}},
        "moved": {"region_id": "cn-zhangjiakou" if one.is_mirror else "cn-beijing"},
    }
    return replace(one, arguments={**one.arguments, **changes.get(edit, {})})


def lived(story: Story, service: Service) -> tuple[Account, dict[str, OldResource]]:
    """Run the first program, and let backups arrive; return the account and the state."""
    account = Account.with_priors(service, story.priors)
    resources = worlds.declared(story.first, account)
    assert worlds.judged(resources, service, {}).errors == ()
    done = worlds.executed(story.first, resources, service)
    assert done.refused == {}
    for name in story.with_data:
        service.patch(name, SnapshotCount=3)
    return account, done.state(story.first)


@settings(FIXED, max_examples=25)
@given(story=stories(vault_edits=HARMLESS, mirror_edits=HARMLESS))
def test_what_is_changed_in_place_or_renamed_with_an_alias_is_never_rejected(story: Story, service: Service) -> None:
    """Nor is an unchanged program; and the update does what it should."""
    account, old = lived(story, service)
    resources = worlds.declared(story.second, account)
    before = set(service.vaults())
    assert worlds.judged(resources, service, old).problems == ()
    assert updated(story.second, resources, service, old) is None
    assert set(service.vaults()) == before


@settings(FIXED, max_examples=60)
@given(story=stories(vault_edits=VAULT_EDITS, mirror_edits=MIRROR_EDITS))
def test_edits_that_are_let_pass_succeed_and_dangerous_ones_are_told(story: Story, service: Service) -> None:
    """A rename without alias is CB401, a loss of data CB303; what is let pass, the service takes."""
    account, old = lived(story, service)
    resources = worlds.declared(story.second, account)
    judgement = worlds.judged(resources, service, old)
    told = {(problem.code, subject) for problem in judgement.errors for subject in problem.subjects}
    assume(not QUOTAS & {code for code, _ in told})
    event(f"errors: {', '.join(sorted({code for code, _ in told})) or 'none'}")
    expected = set()
    for one in story.first:
        if one.is_mirror and story.edits[one.name] == "renamed" and story.stays(one):
            expected.add(("CB401", f"{one.name}-renamed"))
        if not one.is_mirror and story.edits[one.name] == "moved" and one.name in story.with_data:
            expected.add(("CB303", one.name))
    assert expected <= told, [problem.one_line for problem in judgement.problems]
    harmless = {one.name for one in story.first if story.edits[one.name] in HARMLESS}
    harmless |= {f"{name}-renamed" for name in harmless}
    assert {(code, subject) for code, subject in told if subject in harmless} == set()
    if not told:
        removed_with_data = story.with_data & {
            name for name, edit in story.edits.items() if edit in ("removed", "renamed")
        }
        why = updated(story.second, resources, service, old)
        assert (why is None) or (removed_with_data and "CB303" in why), [
            problem.one_line for problem in judgement.problems
        ]


def updated(
    program: Sequence[Written], resources: Sequence[Declared], service: Service, old: Mapping[str, OldResource]
) -> str | None:
    """Do what the engine does, in the simplest of its orders; return why it stopped.

    Creates, updates and delete-first replacements in the order of the program, a source's mirror deleted before it and
    made again after it; then the deletes of what is no longer declared, mirrors first.
    """
    update = Update(service)
    try:
        update.run(program, resources, old)
    except (Refusal, CloudError) as error:
        return str(error)
    return None


class Update:
    """One update, by the real lifecycles."""

    def __init__(self, service: Service) -> None:
        self.run_ = worlds.session(service)
        self.unasked = Session({"endpoint": service.url, "preflight": "off"})
        self.ids: dict[str, str] = {}
        """Ids of vaults by their names in the new program."""
        self.deleted: set[str] = set()
        """Ids."""

    def run(self, program: Sequence[Written], resources: Sequence[Declared], old: Mapping[str, OldResource]) -> None:
        olds = matched([Identity(one.urn, one.aliases) for one in resources], old)
        vaults = [one.name for one in program if not one.is_mirror]
        for written, one, before in zip(program, resources, olds, strict=True):
            properties: dict[str, Any] = {**one.properties, "timeout": 5.0}
            if written.source is not None and written.source[0] == "vault":
                properties["source_vault_id"] = self.ids[vaults[written.source[1]]]
            self.ids[written.name] = self._step(written, properties, before, list(old.values()))
        kept = {before.urn for before in olds if before is not None}
        for one_old in sorted(old.values(), key=lambda gone: not gone.is_mirror):
            if one_old.urn not in kept:
                self._delete(one_old)

    def _step(
        self, written: Written, properties: dict[str, Any], before: OldResource | None, olds: list[OldResource]
    ) -> str:
        lifecycle_ = MirrorLifecycle(self.run_) if written.is_mirror else VaultLifecycle(self.run_)
        check = checked_mirror if written.is_mirror else checked_vault
        inputs = check(self.unasked, dict(before.outputs) if before else {}, properties).inputs
        if before is None or before.vault_id in self.deleted:
            return lifecycle_.create(inputs)[0]
        difference = (mirror_difference if written.is_mirror else vault_difference)(before.outputs, inputs)
        if difference.replaces:
            for mirror in olds:
                if mirror.is_mirror and mirror.text("source_vault_id") == before.vault_id:
                    self._delete(mirror)
            self._delete(before)
            return lifecycle_.create(inputs)[0]
        if difference.updates:
            lifecycle_.update(before.vault_id, before.outputs, inputs)
        return before.vault_id

    def _delete(self, one: OldResource) -> None:
        if one.vault_id not in self.deleted:
            self.deleted.add(one.vault_id)
            (MirrorLifecycle if one.is_mirror else VaultLifecycle)(self.run_).delete(one.vault_id, one.outputs)
