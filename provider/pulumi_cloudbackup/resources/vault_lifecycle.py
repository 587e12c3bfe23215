"""The life of a vault: create or adopt, read, update, delete with consent (design, "Resources")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.cloud import CloudError, NewVault, VaultChanges
from pulumi_cloudbackup.estate.arguments import VAULT_ARGUMENTS
from pulumi_cloudbackup.resources.holding import is_held, is_parked, park, parked_outputs
from pulumi_cloudbackup.resources.lifecycle import DEFAULT_TIMEOUT, Creation, Lifecycle, Subject, described, own_tags
from pulumi_cloudbackup.resources.likeness import vault_unlike
from pulumi_cloudbackup.resources.refusal import Refusal, explained
from pulumi_cloudbackup.resources.wire import Properties, resource_name, vault_of
from pulumi_cloudbackup.rules import SourceLoss, judge

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate import LiveVault, Vault
    from pulumi_cloudbackup.resources.session import Session


NO_VAULT: Final[Properties] = {
    "created_time": 0,
    "redundancy_type": "",
    "charge_type": "",
    "account_id": "",
    "holds_data": False,
}
"""What stands for the outputs of a parked vault: of their types, because programs go on with them."""


class VaultLifecycle:
    """Does to the service what the engine asks for vaults."""

    def __init__(self, session: Session) -> None:
        """Work within one engine run."""
        self._session = session
        self._lifecycle = Lifecycle(session)

    def create(self, inputs: Properties) -> tuple[str, dict[str, Any]]:
        """Create or adopt a vault and return its id and outputs; park it where its owner is held."""
        if is_held(inputs.get("owner")):
            return park(inputs, NO_VAULT)
        wanted = vault_of(inputs)
        subject = vault_subject(inputs)
        creation = Creation(
            subject,
            start=lambda: self._session.cloud(subject.account).create_vault(_new_vault(wanted, subject)),
            unlike=lambda live: vault_unlike(wanted, live),
            looks_for_own=not inputs.get("create_first") and bool(subject.owner),
        )
        if wanted.adopt_id is not None:
            live = self._lifecycle.adopt(creation, str(wanted.adopt_id))
            return live.id, self._brought_to(inputs, live, {})
        if not creation.looks_for_own and wanted.force_destroy is not True:
            self._refuse_to_strand(subject)
        live = self._lifecycle.create(creation)
        try:
            return live.id, self._brought_to(inputs, live, {})
        except CloudError as error:
            if creation.looks_for_own:
                raise
            raise Refusal(
                f'{explained(error)} Vault {live.id} exists already: add adopt_id="{live.id}" to {subject} to go on '
                "with it."
            ) from None

    def read(self, vault_id: str, state: Properties) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
        """Return outputs and inputs as the live vault has them, or no inputs: as they were; ``None``: it is gone."""
        if is_parked(state):
            return dict(state), None
        subject = vault_subject(state)
        live = self._lifecycle.seen(subject, vault_id, state)
        if live is None:
            return None
        inputs = _inputs_as_live(state, live)
        outputs = vault_outputs({**inputs, "owner": state.get("owner")}, live)
        return {**outputs, "credentials_hint": state.get("credentials_hint")}, inputs

    def update(self, vault_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        """Change a vault in place and return its outputs."""
        if is_parked(state):
            return parked_outputs(inputs, NO_VAULT)
        subject = vault_subject(inputs)
        live = self._lifecycle.live_for_update(subject, vault_id, state.get("owner"))
        return self._brought_to(inputs, live, state)

    def delete(self, vault_id: str, state: Properties) -> None:
        """Delete a vault, if it is ours and its data may go."""
        if is_parked(state):
            return
        subject = vault_subject(state)
        live = self._lifecycle.deletable(subject, vault_id, state)
        if live is None:
            return
        refuse_data_loss(subject.name, live, consent_in_state=state.get("force_destroy") is True)
        self._lifecycle.delete(subject, vault_id, lambda: self._blocking_mirror(subject, vault_id))

    def replacement_is_allowed(
        self, vault_id: str, state: Properties, inputs: Properties, because: tuple[str, ...]
    ) -> None:
        """Refuse a replacement in preview that would destroy data without consent; silent where nobody can tell."""
        subject = vault_subject(state)
        if state.get("force_destroy") is True or not self._session.asks_about(subject.account, inputs.get("owner")):
            return
        try:
            live = self._session.listing(subject.account, subject.region_id).get(vault_id)
        except CloudError:
            return
        if live is not None:
            refuse_data_loss(subject.name, live, consent_in_state=False, because=because)

    def _brought_to(self, inputs: Properties, live: LiveVault, state: Properties) -> dict[str, Any]:
        """Give a live vault every mutable argument, and return its outputs.

        Without ``tags`` in the program, tags are nobody's business here: only those that state holds are removed.
        """
        wanted, subject = vault_of(inputs), vault_subject(inputs)
        self._lifecycle.update(
            subject,
            live,
            VaultChanges(
                vault_name=str(wanted.display_name),
                description=described(_text(wanted.description), subject.owner),
                worm_enabled=wanted.worm_enabled is True,
                resource_group_id=_text(wanted.resource_group_id),
            ),
        )
        managed = own_tags(live) if wanted.tags is not None else state.get("tags") or {}
        self._lifecycle.retag(subject, live, _tags(wanted), managed)
        cloud = self._session.cloud(subject.account)
        latest = cloud.get_vault(subject.region_id, live.id)
        return {**vault_outputs(inputs, latest or live), "credentials_hint": cloud.credentials_hint()}

    def _refuse_to_strand(self, subject: Subject) -> None:
        """Refuse a create-first replacement whose old vault holds data: its delete would be refused at the end."""
        listed = self._session.first_listing(subject.account, subject.region_id)
        for vault in listed.values():
            if vault.parts.owner == subject.owner and not vault.is_mirror:
                refuse_data_loss(subject.name, vault, consent_in_state=False)

    def _blocking_mirror(self, subject: Subject, vault_id: str) -> str | None:
        """Say which mirror still copies a vault; ``None``: none that is still there."""
        cloud = self._session.cloud(subject.account)
        live = cloud.get_vault(subject.region_id, vault_id)
        if live is None or live.mirror_vault_id is None or live.mirror_region_id is None:
            return None
        mirror = cloud.get_vault(live.mirror_region_id, live.mirror_vault_id)
        if mirror is None:
            return None
        managed = mirror.parts.owner
        by = f", managed by {managed.partition('#')[0]}" if managed else ", managed by nobody known here"
        return (
            f'mirror vault "{mirror.vault_name}" ({mirror.id} in {mirror.region_id}{by}) still copies it, and a mirror '
            "has to be deleted before its source (CB304)"
        )


def vault_subject(properties: Properties) -> Subject:
    """Return the vault that properties are about."""
    return subject_of("vault", properties)


def subject_of(kind: str, properties: Properties) -> Subject:
    """Return the resource that properties are about; the region is needed for every call."""
    region_id = properties.get("region_id")
    if not isinstance(region_id, str) or not region_id:
        raise Refusal("region_id is needed to find a vault: give it together with the id.")
    timeout = properties.get("timeout")
    return Subject(
        kind=kind,
        name=resource_name(properties),
        region_id=region_id,
        account=properties.get("account"),
        owner=properties.get("owner") or "",
        timeout=float(timeout) if timeout is not None else DEFAULT_TIMEOUT,
    )


def refuse_data_loss(name: str, live: LiveVault, *, consent_in_state: bool, because: tuple[str, ...] = ()) -> None:
    """Refuse CB303."""
    loss = SourceLoss(name, live.id, live.holds_data, live.snapshot_count or None, consent_in_state, because)
    for problem in judge(("CB303",), name, loss).errors:
        raise Refusal.of(problem)


def vault_outputs(inputs: Properties, live: LiveVault) -> dict[str, Any]:
    """Return all inputs, because the engine gives old outputs to diff, and what the service adds."""
    return {
        **inputs,
        "vault_id": live.id,
        "status": live.status,
        "created_time": live.created_time,
        "redundancy_type": live.redundancy_type,
        "charge_type": live.charge_type,
        "account_id": live.owner_account_id,
        "holds_data": live.holds_data,
        "live_owner": live.parts.owner or "",
    }


def _new_vault(wanted: Vault, subject: Subject) -> NewVault:
    return NewVault(
        region_id=subject.region_id,
        vault_name=str(wanted.display_name),
        description=described(_text(wanted.description), subject.owner),
        vault_type=str(wanted.vault_type),
        encrypt_type=str(wanted.encrypt_type),
        kms_key_id=_text(wanted.kms_key_id),
        worm_enabled=wanted.worm_enabled is True,
    )


def _inputs_as_live(state: Properties, live: LiveVault) -> dict[str, Any]:
    """Return the inputs that would declare the live vault, so that drift is shown property by property."""
    inputs = {key: value for key, value in state.items() if key in _INPUTS}
    inputs["region_id"] = live.region_id
    inputs["vault_name"] = live.vault_name
    inputs["owner"] = live.parts.owner or ""
    inputs.setdefault("vault_type", live.vault_type)
    inputs.setdefault("encrypt_type", live.encrypt_type)
    inputs["worm_enabled"] = live.worm_enabled
    inputs.pop("description", None)
    if live.parts.text:
        inputs["description"] = live.parts.text
    if inputs.get("tags") is not None:
        inputs["tags"] = own_tags(live)
    if inputs.get("resource_group_id") is not None:
        inputs["resource_group_id"] = live.resource_group_id
    return inputs


_INPUTS = frozenset((*VAULT_ARGUMENTS, "create_first", "retained", "resource_name"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _tags(wanted: Vault) -> dict[str, str]:
    return {key: str(value) for key, value in wanted.tags.items()} if isinstance(wanted.tags, dict) else {}
