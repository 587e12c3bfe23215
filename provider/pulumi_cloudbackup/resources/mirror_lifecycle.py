"""The life of a mirror: create or adopt, read, update, delete unless it is the last copy (design, "Resources")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.cloud import CloudError, Deadline, NewMirror, VaultChanges, wait_until
from pulumi_cloudbackup.estate.arguments import MIRROR_ARGUMENTS
from pulumi_cloudbackup.estate.live import GONE
from pulumi_cloudbackup.resources.holding import is_held, is_parked, park, parked_outputs, refuse_parked_source
from pulumi_cloudbackup.resources.lifecycle import Creation, Lifecycle, Subject, described
from pulumi_cloudbackup.resources.likeness import mirror_unlike
from pulumi_cloudbackup.resources.refusal import Refusal, tell
from pulumi_cloudbackup.resources.vault_lifecycle import refuse_data_loss, subject_of
from pulumi_cloudbackup.resources.wire import (
    SOURCE_FACTS,
    Properties,
    known_text,
    mirror_of,
    source_property,
)
from pulumi_cloudbackup.rules import MirrorLoss, judge

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate import LiveVault, MirrorVault
    from pulumi_cloudbackup.resources.session import Session


NO_MIRROR: Final[Properties] = {
    "created_time": 0,
    "redundancy_type": "",
    "charge_type": "",
    "account_id": "",
    "replication_status": "",
    "replication_progress": 0,
    "source_status": "",
}
"""What stands for the outputs of a parked mirror: of their types, because programs go on with them."""


@dataclass(frozen=True)
class _SourceKey:
    """Where a mirror's source is."""

    region_id: str
    vault_id: str


class MirrorLifecycle:
    """Does to the service what the engine asks for mirrors."""

    def __init__(self, session: Session) -> None:
        """Work within one engine run."""
        self._session = session
        self._lifecycle = Lifecycle(session)

    def create(self, inputs: Properties) -> tuple[str, dict[str, Any]]:
        """Create or adopt a mirror and return its id and outputs; park it where its owner is held."""
        if is_held(inputs.get("owner")):
            return park(inputs, NO_MIRROR)
        refuse_parked_source(inputs)
        wanted, subject, key = mirror_of(inputs), _subject(inputs), _source_key(inputs)
        if wanted.adopt_id is not None:
            creation = Creation(
                subject,
                start=_never,
                unlike=lambda live: mirror_unlike(wanted, key.vault_id, key.region_id, wanted.encrypt_type, live),
            )
            live = self._lifecycle.adopt(creation, str(wanted.adopt_id))
            return live.id, self._brought_to(inputs, live)
        source = self._usable_source(subject, key)
        encrypt_type = known_text(inputs.get("encrypt_type")) or source.encrypt_type
        self._refuse_other_encryption(subject, source, encrypt_type)
        creation = Creation(
            subject,
            start=lambda: self._start(wanted, subject, key, encrypt_type),
            unlike=lambda live: mirror_unlike(wanted, key.vault_id, key.region_id, encrypt_type, live),
            looks_for_own=bool(subject.owner),
            forgives=lambda live: (
                live.status_message == "SOURCE_VAULT_ALREADY_HAS_REPLICATION"
                and self._other_mirror(subject, key, live.id) is None
            ),
        )
        live = self._lifecycle.create(creation)
        return live.id, self._brought_to(inputs, live)

    def read(self, vault_id: str, state: Properties) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
        """Return outputs and inputs as the live mirror has them, or no inputs: as they were; ``None``: it is gone.

        A lost source is told.
        """
        if is_parked(state):
            return dict(state), None
        subject = _subject(state)
        live = self._lifecycle.seen(subject, vault_id, state)
        if live is None:
            return None
        inputs = _inputs_as_live(state, live)
        outputs = self._outputs({**inputs, "owner": state.get("owner")}, live)
        outputs["credentials_hint"] = state.get("credentials_hint")
        if outputs["source_status"] not in ("CREATED", "INITIALIZING", None):
            tell(
                f'mirror vault "{subject.name}" ({vault_id}) may hold the last copy of its data: its source '
                f"{inputs['source_vault_id']} in {inputs['source_region_id']} is {_said(outputs['source_status'])}. "
                "It is left untouched (CB307)."
            )
        return outputs, inputs

    def update(self, vault_id: str, state: Properties, inputs: Properties) -> dict[str, Any]:
        """Change a mirror in place and return its outputs."""
        if is_parked(state):
            return parked_outputs(inputs, NO_MIRROR)
        subject = _subject(inputs)
        live = self._lifecycle.live_for_update(subject, vault_id, state.get("owner"))
        return self._brought_to(inputs, live)

    def delete(self, vault_id: str, state: Properties) -> None:
        """Delete a mirror, if it is ours and its source is there to copy again; "cannot tell" refuses."""
        if is_parked(state):
            return
        subject = _subject(state)
        live = self._lifecycle.deletable(subject, vault_id, state)
        if live is None:
            return
        if not live.is_mirror and live.holds_data:
            raise Refusal(
                f"The {subject} ({vault_id}) is not deleted: its replication was ended, so it is a vault of its own "
                "now, and it holds backup data. Run `pulumi state delete` to forget it here; to manage it on, remove "
                f'the marker from its description and declare it as a Vault with adopt_id="{vault_id}".'
            )
        self._refuse_last_copy_loss(vault_id, state, (), lenient=False)
        self._keep_for_a_source_that_stays(vault_id, state)
        self._lifecycle.delete(subject, vault_id, lambda: None)

    def replacement_is_allowed(
        self, vault_id: str, state: Properties, inputs: Properties, because: tuple[str, ...]
    ) -> None:
        """Refuse in preview what would lose the last copy, or delete a mirror for a source that may not go."""
        subject = _subject(state)
        if self._is_for_its_source(state, inputs):
            self._session.for_their_source[vault_id] = inputs.get("source_force_destroy") is True
        if not self._session.asks_about(subject.account, inputs.get("owner")):
            return
        try:
            if self._session.listing(subject.account, subject.region_id).get(vault_id) is None:
                return  # an interrupted replacement has deleted it already: nothing of it is left to lose
        except CloudError:
            return
        self._refuse_last_copy_loss(vault_id, state, because, lenient=True)
        self._refuse_for_protected_source(subject, state, inputs)

    def _refuse_last_copy_loss(
        self, vault_id: str, state: Properties, because: tuple[str, ...], *, lenient: bool
    ) -> None:
        subject, key = _subject(state), _source_key(state)
        try:
            source = self._session.cloud(subject.account).get_vault(key.region_id, key.vault_id)
            status: str | None = GONE if source is None else source.status
        except CloudError:
            if lenient:
                return
            status = None
        consent = known_text(state.get("allow_last_copy_loss"))
        loss = MirrorLoss(subject.name, vault_id, key.vault_id, key.region_id, status, consent, because)
        for problem in judge(("CB307",), subject.name, loss).errors:
            raise Refusal.of(problem)

    def _refuse_for_protected_source(self, subject: Subject, state: Properties, inputs: Properties) -> None:
        """Refuse to give up a mirror for the replacement of its source, where that replacement will be refused.

        The engine deletes the mirror first and asks the source only then, so the mirror would be lost for nothing. It
        asks the mirror with its last inputs and an unknown source id; ``source_force_destroy`` is in them for this.
        """
        if not self._is_for_its_source(state, inputs) or inputs.get("source_force_destroy") is True:
            return
        key = _source_key(state)
        try:
            source = self._session.listing(subject.account, key.region_id).get(key.vault_id)
        except CloudError:
            return
        if source is not None and source.parts.owner == state.get("source_owner"):
            refuse_data_loss(source.vault_name, source, consent_in_state=False)

    @staticmethod
    def _is_for_its_source(state: Properties, inputs: Properties) -> bool:
        """Whether a mirror is replaced because its source is: same source resource, id not known any more."""
        same = inputs.get("source_owner") == state.get("source_owner") is not None
        return same and not known_text(inputs.get("source_vault_id"))

    def _keep_for_a_source_that_stays(self, vault_id: str, state: Properties) -> None:
        """Refuse to delete a mirror for a replacement of its source that will be refused; "cannot tell" raises."""
        if self._session.for_their_source.get(vault_id) is not False:
            return
        key = _source_key(state)
        source = self._session.cloud(_subject(state).account).get_vault(key.region_id, key.vault_id)
        if source is not None:
            refuse_data_loss(source.vault_name, source, consent_in_state=False)

    def _usable_source(self, subject: Subject, key: _SourceKey) -> LiveVault:
        """Return the live source once it is CREATED; refuse what cannot be mirrored before anything is created."""
        cloud = self._session.cloud(subject.account)

        def settled() -> LiveVault | None:
            source = cloud.get_vault(key.region_id, key.vault_id)
            if source is None:
                raise Refusal(
                    f"CB210: The source {key.vault_id} of {subject} does not exist in {key.region_id}, so there is "
                    "nothing "
                    "to mirror. Mend the id or the region of its source; if the source was lost, run `pulumi refresh`."
                )
            return source if source.status != "INITIALIZING" else None

        source = wait_until(settled, Deadline.after(subject.timeout))
        if source is None or source.status != "CREATED":
            status = "still INITIALIZING" if source is None else f"in status {source.status}"
            raise Refusal(
                f"CB205: The source {key.vault_id} of {subject} is {status}; only a vault in status CREATED can be "
                "mirrored. Look at it in the console, then run `pulumi up` again."
            )
        if source.is_mirror:
            raise Refusal(
                f"CB203: The source {key.vault_id} of {subject} is a mirror vault itself, and there is no mirror of a "
                "mirror. Mirror its own source instead."
            )
        other = self._other_mirror(subject, key, None)
        if other is not None:
            managed = (other.parts.owner or "nobody known here").partition("#")[0]
            raise Refusal(
                f'CB202: The source {key.vault_id} of {subject} has a mirror already: "{other.vault_name}" ({other.id} '
                "in "
                f"{other.region_id}, managed by {managed}), and a source has at most one. {_way_out(subject, other)}"
            )
        return source

    def _other_mirror(self, subject: Subject, key: _SourceKey, own_id: str | None) -> LiveVault | None:
        """Return the mirror that a source has already, unless it is ours or just vanished."""
        cloud = self._session.cloud(subject.account)
        source = cloud.get_vault(key.region_id, key.vault_id)
        if source is None or source.mirror_vault_id is None or source.mirror_region_id is None:
            return None
        mirror = cloud.get_vault(source.mirror_region_id, source.mirror_vault_id)
        if mirror is None or mirror.id == own_id or mirror.status == "ERROR":
            return None
        same_owner = bool(subject.owner) and mirror.parts.owner == subject.owner
        is_own_attempt = same_owner and mirror.region_id == subject.region_id and own_id is None
        return None if is_own_attempt else mirror

    def _refuse_other_encryption(self, subject: Subject, source: LiveVault, encrypt_type: str) -> None:
        if encrypt_type != source.encrypt_type:
            raise Refusal(
                f"CB206: The {subject} asks for encryption with {encrypt_type}, its source {source.id} is encrypted "
                "with "
                f"{source.encrypt_type}; the service copies only between vaults of one method. Set encrypt_type to "
                f"{source.encrypt_type}, or leave it out."
            )

    def _start(self, wanted: MirrorVault, subject: Subject, key: _SourceKey, encrypt_type: str) -> str:
        return self._session.cloud(subject.account).create_mirror(
            NewMirror(
                region_id=subject.region_id,
                vault_name=str(wanted.vault_name),
                description=described(known_text(wanted.description), subject.owner),
                source_region_id=key.region_id,
                source_vault_id=key.vault_id,
                encrypt_type=encrypt_type,
                kms_key_id=known_text(wanted.kms_key_id),
                redundancy_type=known_text(wanted.redundancy_type),
            )
        )

    def _brought_to(self, inputs: Properties, live: LiveVault) -> dict[str, Any]:
        """Give a live mirror every mutable argument, and return its outputs."""
        wanted, subject = mirror_of(inputs), _subject(inputs)
        self._lifecycle.update(
            subject,
            live,
            VaultChanges(
                vault_name=str(wanted.vault_name),
                description=described(known_text(wanted.description), subject.owner),
            ),
        )
        cloud = self._session.cloud(subject.account)
        latest = cloud.get_vault(subject.region_id, live.id)
        return {**self._outputs(inputs, latest or live), "credentials_hint": cloud.credentials_hint()}

    def _outputs(self, inputs: Properties, live: LiveVault) -> dict[str, Any]:
        key = _source_key(inputs)
        account = inputs.get("account")
        try:
            source = self._session.listing(account, key.region_id).get(key.vault_id)
            status: str | None = GONE if source is None else source.status
        except CloudError:
            status = None
        return {
            **inputs,
            "encrypt_type": live.encrypt_type,
            "vault_id": live.id,
            "status": live.status,
            "created_time": live.created_time,
            "redundancy_type": live.redundancy_type,
            "charge_type": live.charge_type,
            "account_id": live.owner_account_id,
            "replication_status": live.replication_status,
            "replication_progress": live.replication_progress,
            "source_status": status,
            "live_owner": live.parts.owner or "",
        }


def _way_out(subject: Subject, other: LiveVault) -> str:
    """Return what to do about a mirror that a source has already."""
    if not other.parts.owner:
        return f'Delete that one first, or take it over with adopt_id="{other.id}".'
    renamed = "If this resource was renamed, give it an alias of its old name"
    is_own_stack = other.parts.owner.split("/")[:2] == subject.owner.split("/")[:2]
    if is_own_stack and other.parts.owner != subject.owner:
        return (
            "It is this stack's own: where it leaves the source in this same run, run it again, or let "
            f"`cloudbackup up` take the steps in a safe order. {renamed}; where no state has it any more, add "
            f'adopt_id="{other.id}".'
        )
    return (
        f"{renamed}; otherwise delete that mirror where it is managed, or run `pulumi state delete` there, remove its "
        f'marker and add adopt_id="{other.id}".'
    )


def _subject(properties: Properties) -> Subject:
    return subject_of("mirror vault", properties)


def _source_key(properties: Properties) -> _SourceKey:
    region_id, vault_id = (known_text(properties.get(name)) for name in ("source_region_id", "source_vault_id"))
    if region_id is None or vault_id is None:
        raise Refusal("A mirror vault needs the id and the region of its source.")
    return _SourceKey(region_id, vault_id)


def _inputs_as_live(state: Properties, live: LiveVault) -> dict[str, Any]:
    """Return the inputs that would declare the live mirror, so that drift is shown property by property."""
    inputs = {key: value for key, value in state.items() if key in _INPUTS}
    inputs["region_id"] = live.region_id
    inputs["vault_name"] = live.vault_name
    inputs["owner"] = live.parts.owner or ""
    inputs.setdefault("source_vault_id", live.source_vault_id)
    inputs.setdefault("source_region_id", live.source_region_id)
    inputs.pop("description", None)
    if live.parts.text:
        inputs["description"] = live.parts.text
    return inputs


_INPUTS = frozenset(
    (
        *MIRROR_ARGUMENTS,
        *map(source_property, SOURCE_FACTS),
        "source_owner",
        "source_force_destroy",
        "resource_name",
    )
) - {"redundancy_type"}
"""What a read keeps of a state; the redundancy in it is what the service chose, not what the program asked for."""


def _said(status: str) -> str:
    return "gone" if status == GONE else f"in status {status}"


def _never() -> str:
    raise AssertionError("an adopted mirror is not created")
