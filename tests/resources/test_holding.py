"""Held creates: an entry in the state without a vault, for which the service is never called."""

from __future__ import annotations

from typing import Any, NoReturn

import pulumi
import pytest

from pulumi_cloudbackup.cloud import CloudBackup, Connection
from pulumi_cloudbackup.estate import UNKNOWN
from pulumi_cloudbackup.resources.checking import checked_mirror, checked_vault
from pulumi_cloudbackup.resources.fates import Evidence
from pulumi_cloudbackup.resources.holding import (
    HELD_LENGTH_LIMIT,
    HOLD_VARIABLE,
    held_owners,
    is_held,
    is_parked,
    is_placeholder,
    is_stage,
    joined,
    refuse_parked_source,
)
from pulumi_cloudbackup.resources.judging import judge_declarations
from pulumi_cloudbackup.resources.mirror_lifecycle import MirrorLifecycle
from pulumi_cloudbackup.resources.mirror_provider import MirrorVaultProvider
from pulumi_cloudbackup.resources.own_state import MIRROR_TYPE, VAULT_TYPE, OldResource
from pulumi_cloudbackup.resources.questions import questions
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.resolving import Declaration, Declared
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.vault_lifecycle import VaultLifecycle
from pulumi_cloudbackup.resources.vault_provider import VaultProvider
from pulumi_cloudbackup.resources.wire import Note, with_note

OWNER, DR_OWNER = "shop/dev/orders#aaaaaaaaaaaaaaaa", "shop/dev/orders-dr#bbbbbbbbbbbbbbbb"
VAULT: dict[str, Any] = {
    "region_id": "cn-hangzhou",
    "vault_name": "orders",
    "vault_type": "STANDARD",
    "encrypt_type": "HBR_PRIVATE",
    "worm_enabled": False,
    "force_destroy": False,
    "resource_name": "orders",
    "owner": OWNER,
}
MIRROR: dict[str, Any] = {
    "region_id": "cn-shanghai",
    "vault_name": "orders-dr",
    "description": "d",
    "encrypt_type": "HBR_PRIVATE",
    "resource_name": "orders-dr",
    "owner": DR_OWNER,
    "source_vault_id": "v-1",
    "source_region_id": "cn-hangzhou",
    "source_owner": OWNER,
}
KINDS = pytest.mark.parametrize(
    ("lifecycle", "provider", "inputs"),
    [
        pytest.param(VaultLifecycle, VaultProvider, VAULT, id="vault"),
        pytest.param(MirrorLifecycle, MirrorVaultProvider, MIRROR, id="mirror"),
    ],
)


def _never(_: Connection) -> CloudBackup:
    raise AssertionError("the service was called")


@pytest.fixture
def session() -> Session:
    """A run in which any call to the service fails the test."""
    return Session({"endpoint": "http://127.0.0.1:1", "preflight": "on"}, _no_mutation, connect=_never)


def _no_mutation() -> NoReturn:
    raise AssertionError("something was to be changed")


def hold(monkeypatch: pytest.MonkeyPatch, *owners: str) -> None:
    monkeypatch.setenv(HOLD_VARIABLE, joined(owners))


def test_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is joined is read again; a note behind an owner does not count."""
    monkeypatch.delenv(HOLD_VARIABLE, raising=False)
    assert (held_owners(), is_held(OWNER), is_held(None), is_held(UNKNOWN)) == (frozenset(), False, False, False)
    assert is_stage() is False
    hold(monkeypatch)
    assert (is_stage(), held_owners()) == (True, frozenset())
    assert joined([DR_OWNER, OWNER, DR_OWNER]) == f"{OWNER},{DR_OWNER}"
    hold(monkeypatch, OWNER)
    assert held_owners() == {OWNER}
    assert [is_held(one) for one in (OWNER, DR_OWNER, "", with_note(OWNER, Note(judged=True)))] == [
        True,
        False,
        False,
        True,
    ]
    monkeypatch.setenv(HOLD_VARIABLE, f" {OWNER}, ,{DR_OWNER},")
    assert held_owners() == {OWNER, DR_OWNER}


@pytest.mark.parametrize("owner", ["", "a,b#c", "a b#c", "a\n#c"])
def test_what_is_no_owner_is_not_joined(owner: str) -> None:
    with pytest.raises(ValueError, match="is no owner"):
        joined([OWNER, owner])


def test_more_owners_than_a_variable_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off silently: a process that is given more does not start at all."""
    owners = [f"{'x' * 48}#{number:016}" for number in range(3000)]
    assert len(joined(owners[:1900])) < HELD_LENGTH_LIMIT
    with pytest.raises(ValueError, match="3000 owners are too many"):
        joined(owners)


@KINDS
def test_life_of_a_parked_resource(
    monkeypatch: pytest.MonkeyPatch, session: Session, lifecycle: Any, provider: Any, inputs: dict[str, Any]
) -> None:
    """Created, read, changed and deleted without a call; replaced once it is held no longer."""
    hold(monkeypatch, inputs["owner"])
    own = lifecycle(session)
    id_, state = own.create(inputs)
    assert id_ == f"parked-{inputs['owner'][-16:]}"
    assert (is_placeholder(id_), is_placeholder("v-1"), is_placeholder(UNKNOWN)) == (True, False, False)
    assert inputs.items() <= state.items()
    facts = {key: state[key] for key in ("parked", "vault_id", "status", "live_owner")}
    assert facts == {"parked": True, "vault_id": "", "status": "PARKED", "live_owner": inputs["owner"]}
    assert (is_parked(state), is_parked(inputs)) == (True, False)
    assert own.read(id_, state) == (state, None)

    def diff(**changes: Any) -> tuple[bool, list[str]]:
        difference = provider().diff(id_, {**state, "__provider": "p"}, {**inputs, "__provider": "q", **changes})
        assert difference.delete_before_replace is True
        return difference.changes, difference.replaces

    assert diff() == (False, [])
    # Held: whatever differs is written down, also what replaces a vault, and what is known only during the update.
    assert diff(region_id="cn-beijing") == (True, [])
    assert diff(source_owner="x") == (True, [])
    assert diff(vault_name=pulumi.UNKNOWN) == (True, [])
    changed = own.update(id_, state, {**inputs, "region_id": "cn-beijing"})
    assert changed == {**state, "region_id": "cn-beijing"}
    removed = {key: value for key, value in inputs.items() if key != "vault_name"}
    assert provider().diff(id_, state, removed).changes is True
    assert "vault_name" not in own.update(id_, state, removed)

    monkeypatch.delenv(HOLD_VARIABLE)
    assert diff() == (True, ["parked"])
    assert diff(source_vault_id="parked-x", adopt_id="v-9", account="other") == (True, ["parked"])
    assert own.read(id_, state) == (state, None)
    own.delete(id_, state)


def test_a_parked_mirror_of_a_renamed_owner_is_held_by_its_new_owner(
    monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    """The program's owner counts, not the one in the state."""
    hold(monkeypatch, DR_OWNER)
    id_, state = MirrorLifecycle(session).create(MIRROR)
    hold(monkeypatch, OWNER)
    renamed = {**MIRROR, "owner": OWNER}
    assert MirrorVaultProvider().diff(id_, state, renamed).replaces == []
    assert MirrorLifecycle(session).update(id_, state, renamed)["live_owner"] == OWNER
    assert MirrorVaultProvider().diff(id_, state, MIRROR).replaces == ["parked"]


@pytest.mark.parametrize(
    ("held", "source_id", "is_refused"),
    [
        pytest.param((), "v-1", False, id="nothing is parked"),
        pytest.param((), UNKNOWN, False, id="a source that is created in this run"),
        pytest.param((), "parked-aaaaaaaaaaaaaaaa", True, id="parked earlier"),
        pytest.param((OWNER,), UNKNOWN, True, id="to be parked in this run"),
        # An existing source that is held and not replaced is a vault like any other.
        pytest.param((OWNER,), "v-1", False, id="held, but there"),
        pytest.param((OWNER, DR_OWNER), "parked-aaaaaaaaaaaaaaaa", False, id="held as its source is"),
        pytest.param((OWNER, DR_OWNER), UNKNOWN, False, id="to be parked as its source is"),
    ],
)
def test_mirror_of_a_parked_source(
    monkeypatch: pytest.MonkeyPatch, held: tuple[str, ...], source_id: Any, is_refused: bool
) -> None:
    """Refused wherever it is asked for: the placeholder never gets to the service."""
    hold(monkeypatch, *held)
    mirror = {**MIRROR, "source_vault_id": source_id}
    session = Session({"endpoint": "http://127.0.0.1:1", "preflight": "off"}, connect=_never)
    acts: list[Any] = [
        lambda: refuse_parked_source(mirror),
        lambda: checked_mirror(session, {}, mirror),
    ]
    if is_refused:
        engine_id = pulumi.UNKNOWN if source_id is UNKNOWN else source_id
        acts.append(lambda: MirrorVaultProvider().diff("v-2", MIRROR, {**mirror, "source_vault_id": engine_id}))
    if is_refused and source_id is not UNKNOWN:
        acts.append(lambda: MirrorLifecycle(session).create(mirror))
    for act in acts:
        if is_refused:
            with pytest.raises(Refusal, match="is parked") as raised:
                act()
            assert all(word in str(raised.value) for word in ('"orders-dr"', DR_OWNER, HOLD_VARIABLE))
        else:
            act()


def test_check_asks_nothing_about_what_is_held(monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
    """Neither the live account nor, whose mirror it would be: it is not created in this run."""
    hold(monkeypatch, OWNER, DR_OWNER)
    assert checked_vault(session, {}, VAULT).errors == ()
    for source_id in ("v-1", "parked-aaaaaaaaaaaaaaaa", UNKNOWN):
        checked = checked_mirror(session, {}, {**MIRROR, "source_vault_id": source_id})
        assert (checked.errors, checked.inputs["source_vault_id"]) == ((), source_id)
    assert session.mirrored_by("v-1", "other/dev/x#cccccccccccccccc") is None


def declared(kind: str, properties: dict[str, Any]) -> Declared:
    name = properties["resource_name"]
    return Declared(Declaration(kind, name, properties, object(), {}), properties, urn(kind, name))


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::shop::{VAULT_TYPE if kind == 'Vault' else MIRROR_TYPE}::{name}"


def old(kind: str, outputs: dict[str, Any]) -> dict[str, OldResource]:
    at = urn(kind, outputs["resource_name"])
    return {at: OldResource(at, outputs)}


def test_no_question_names_a_placeholder() -> None:
    """The account is asked about regions, never about a vault that is none."""
    parked = declared("MirrorVault", {**MIRROR, "source_vault_id": "parked-aaaaaaaaaaaaaaaa"})
    state = old("Vault", {**VAULT, "parked": True, "vault_id": ""})
    (question,) = questions([parked], state).values()
    assert (question.sources, question.regions) == ({}, {"cn-shanghai", "cn-hangzhou"})


PREDECESSOR = {
    **MIRROR,
    "resource_name": "old-dr",
    "vault_id": "v-2",
    "owner": "shop/dev/old-dr#cccccccccccccccc",
    "source_status": "CREATED",
}
PARKED = {**MIRROR, "parked": True, "vault_id": ""}


@pytest.mark.parametrize(
    ("state", "held", "is_refused"),
    [
        pytest.param(old("MirrorVault", PREDECESSOR), (), True, id="renamed without alias"),
        pytest.param(old("MirrorVault", PREDECESSOR), (DR_OWNER,), False, id="the new one is held"),
        # A first stage that was cut short: the new one stays parked until the old one, which goes at the end, is gone.
        pytest.param(
            {**old("MirrorVault", PREDECESSOR), **old("MirrorVault", PARKED)}, (), False, id="parked, the old one there"
        ),
        pytest.param(old("MirrorVault", PARKED), (), False, id="parked, the old one gone"),
        pytest.param(
            old("MirrorVault", {**PREDECESSOR, **PARKED, "resource_name": "old-dr"}), (), False, id="the old one is parked"
        ),
    ],
)  # fmt: skip
def test_a_program_beside_what_is_parked(
    state: dict[str, OldResource],
    held: tuple[str, ...],
    is_refused: bool,
) -> None:
    """A parked mirror copies nothing, and is judged as one that is to be created."""
    judgement = judge_declarations([declared("MirrorVault", MIRROR)], Evidence(state, held=frozenset(held)))
    assert ("CB401" in {problem.code for problem in judgement.errors}) is is_refused


def test_a_parked_vault_has_nothing_to_lose() -> None:
    """What only its inputs say, such as immutability, holds for no vault yet; what it takes over is judged again."""
    parked = {**VAULT, "parked": True, "vault_id": "", "worm_enabled": True, "live_owner": OWNER}
    now = {**VAULT, "region_id": "cn-beijing", "adopt_id": "v-9"}
    judgement = judge_declarations([declared("Vault", now)], Evidence(old("Vault", parked)))
    assert judgement.errors == ()
