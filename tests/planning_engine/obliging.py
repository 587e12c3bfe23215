"""Our resources with a service that refuses nothing, for programs that show in which order the engine does things.

Placed beside a rendered program. Check and diff are our own; what would call the service notes the call in a log and
waits, where the schedule says so, until another call has begun or has taken effect. So every order that the engine
allows can be made to happen, also one that the service would refuse.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from pulumi_cloudbackup import ExistingVault, MirrorVault, Vault
from pulumi_cloudbackup.planning.comparing import Difference
from pulumi_cloudbackup.resources import mirror_vault, providing, vault
from pulumi_cloudbackup.resources.holding import is_held, is_parked
from pulumi_cloudbackup.resources.mirror_lifecycle import MirrorLifecycle
from pulumi_cloudbackup.resources.mirror_provider import MirrorVaultProvider
from pulumi_cloudbackup.resources.vault_lifecycle import VaultLifecycle
from pulumi_cloudbackup.resources.vault_provider import VaultProvider

LOG, SCHEDULE = "OBLIGING_LOG", "OBLIGING_SCHEDULE"
_PAUSE = 0.01


class Schedule:
    """Which calls and which registrations wait for which marks in the log, and how long at most."""

    def __init__(self) -> None:
        written = os.environ.get(SCHEDULE)
        asked = json.loads(Path(written).read_text()) if written else {}
        self.calls: dict[str, tuple[list[str], float]] = asked.get("calls", {})
        self.registrations: dict[str, tuple[list[str], float]] = asked.get("registrations", {})


class Log:
    """The calls so far, of all runs of a stack: the provider host writes it, the program looks on."""

    def __init__(self) -> None:
        self._file = Path(os.environ[LOG])
        self._changed = threading.Condition()
        self._read = 0
        self.marks: set[str] = set()
        self.existing: set[str] = set()
        self.ever: set[str] = set()
        self.look()

    def look(self) -> None:
        """Take in what was written since the last look."""
        with self._file.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._take(json.loads(line))

    def write(self, **entry: Any) -> None:
        with self._changed:
            with self._file.open("ab") as file:
                file.write(json.dumps(entry).encode() + b"\n")
            self.look()
            self._changed.notify_all()

    def wait(self, marks: list[str], seconds: float) -> list[str]:
        """Wait for marks; return those that have not come."""
        with self._changed:
            self._changed.wait_for(lambda: self.marks.issuperset(marks), seconds)
            return [mark for mark in marks if mark not in self.marks]

    def _take(self, entry: dict[str, Any]) -> None:
        if entry["what"] == "run":
            self.marks.clear()
            return
        self.marks.add(f"{entry['what']} {entry['call']}")
        if entry["what"] == "effect" and entry["call"].startswith("create "):
            self.existing.add(entry["id"])
            self.ever.add(entry["id"])
        elif entry["what"] == "effect" and entry["call"].startswith("delete "):
            self.existing.discard(entry["id"])


_opened: tuple[Log, Schedule] | None = None
_lock = threading.Lock()


def _log_and_schedule() -> tuple[Log, Schedule]:
    global _opened  # noqa: PLW0603 - one process is one run
    with _lock:
        if _opened is None:
            _opened = Log(), Schedule()
        return _opened


def _call(call: str, vault_id: str, source: str = "") -> None:
    """Make one call: it begins, waits for what it has to wait for, and takes effect."""
    log, schedule = _log_and_schedule()
    if not call.startswith("create ") and vault_id not in log.existing:
        return  # gone already: nothing is changed
    log.write(what="start", call=call, id=vault_id, source=source)
    marks, patience = schedule.calls.get(call, ([], 0.0))
    missing = log.wait(marks, patience)
    if missing:
        log.write(what="gave up", call=call, id=vault_id, missing=missing)
    log.write(what="effect", call=call, id=vault_id)


def _created(properties: dict[str, Any], facts: dict[str, Any]) -> CreateResult:
    plain = providing.plain(properties)
    name = str(plain["resource_name"])
    log, _ = _log_and_schedule()
    # The first vault of a name has an id that its program can have known before.
    vault_id = f"v-{name}" if f"v-{name}" not in log.ever else f"v-{name}-{os.urandom(3).hex()}"
    _call(f"create {name}", vault_id, str(plain.get("source_vault_id") or ""))
    return CreateResult(vault_id, _outputs(plain, vault_id, facts))


def _outputs(properties: dict[str, Any], vault_id: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "redundancy_type": "LRS",
        **properties,
        "vault_id": vault_id,
        "status": "CREATED",
        "created_time": 1_700_000_000,
        "charge_type": "V1",
        "account_id": properties.get("account") or "default",
        "live_owner": properties.get("owner") or "",
        **facts,
    }


class ObligingVaultProvider(VaultProvider):
    """Vaults that always can be created, changed and deleted."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return super().create(props) if is_held(props.get("owner")) else _created(props, {"holds_data": False})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        if is_parked(_olds):
            return super().update(_id, _olds, _news)
        _call(f"update {_id}", _id)
        return UpdateResult(_outputs(providing.plain(_news), _id, {"holds_data": False}))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        _call(f"delete {_id}", _id)


class ObligingMirrorVaultProvider(MirrorVaultProvider):
    """Mirrors that always can be created, changed and deleted."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return super().create(props) if is_held(props.get("owner")) else _created(props, {"source_status": "CREATED"})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        if is_parked(_olds):
            return super().update(_id, _olds, _news)
        _call(f"update {_id}", _id)
        return UpdateResult(_outputs(providing.plain(_news), _id, {"source_status": "CREATED"}))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        _call(f"delete {_id}", _id)


def call_no_service() -> None:
    """Register everything with providers that call no service."""
    vars(vault)["VaultProvider"] = ObligingVaultProvider
    vars(mirror_vault)["MirrorVaultProvider"] = ObligingMirrorVaultProvider


def _another_account(_id: str, _before: Any, _after: Any, difference: Difference) -> Difference:
    """Take another profile for another account, without asking."""
    if "account" not in difference.updates:
        return difference
    return Difference((*difference.replaces, "account"), difference.updates)


# The provider host imports this module for the provider classes above, and none of our own code comes before.
VaultLifecycle.replacement_is_allowed = lambda *_: None  # type: ignore[method-assign]
MirrorLifecycle.replacement_is_allowed = lambda *_: None  # type: ignore[method-assign]
vars(providing)["same_account_or_replace"] = _another_account


class NoteProvider(ResourceProvider):
    """Something that is no vault."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"note-{os.urandom(3).hex()}", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=_olds.get("text") != _news.get("text"))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_news)


class Note(Resource, module="acme", name="Note"):
    """Another resource of the program."""

    def __init__(self, name: str, text: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(NoteProvider(), name, {"text": text}, opts)


class KeyProvider(NoteProvider):
    """Something that another text replaces."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"key-{os.urandom(3).hex()}", {**props, "value": f"made of {props['text']}"})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        is_another = _olds.get("text") != _news.get("text")
        return DiffResult(changes=is_another, replaces=["text"] if is_another else [])


class Key(Resource, module="acme", name="Key"):
    """A resource that others have an argument from which replaces them."""

    value: pulumi.Output[str]

    def __init__(self, name: str, text: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(KeyProvider(), name, {"text": text, "value": None}, opts)


class Team(pulumi.ComponentResource):
    """A component."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("acme:index:Team", name, None, opts)


def declare(declarations: list[dict[str, Any]]) -> None:
    """Declare what a program consists of, in order."""
    declared: dict[str, pulumi.Resource] = {}
    for one in declarations:
        declared[one["label"]] = _declared(one, declared)


def _declared(one: dict[str, Any], declared: dict[str, pulumi.Resource]) -> Any:
    opts = pulumi.ResourceOptions(**one.get("options", {}))
    opts.aliases = [pulumi.Alias(name=alias) for alias in one.get("aliases", ())]
    opts.depends_on = _depended([declared[label] for label in one.get("depends_on", ())], one["name"])
    if one.get("parent"):
        opts.parent = declared[one["parent"]]
    if one.get("deleted_with"):
        opts.deleted_with = declared[one["deleted_with"]]
    name, arguments = one["name"], one.get("arguments", {})
    key: Any = declared.get(one.get("key", ""))
    if key is not None:
        arguments = {**arguments, "kms_key_id": key.value}
    match one["kind"]:
        case "Vault":
            return Vault(name, **arguments, opts=opts)
        case "MirrorVault":
            source = one["source"]
            wired: Any = declared[source["label"]] if "label" in source else ExistingVault(**source)
            return MirrorVault(name, source=wired, **arguments, opts=opts)
        case "Note":
            return Note(name, **arguments, opts=opts)
        case "Key":
            return Key(name, **arguments, opts=opts)
        case _:
            return Team(name, opts=opts)


def _depended(resources: list[pulumi.Resource], name: str) -> Any:
    """Return what a resource depends on; known late where its registration has to wait."""
    if not os.environ.get(SCHEDULE):
        return resources
    log, schedule = _log_and_schedule()
    if name not in schedule.registrations:
        return resources
    marks, patience = schedule.registrations[name]

    async def waited() -> list[pulumi.Resource]:
        end = time.monotonic() + patience
        while not log.marks.issuperset(marks) and time.monotonic() < end:
            await asyncio.sleep(_PAUSE)
            log.look()
        return resources

    known: asyncio.Future[bool] = asyncio.get_event_loop().create_future()
    known.set_result(True)
    return pulumi.Output(set(), asyncio.ensure_future(waited()), known)
