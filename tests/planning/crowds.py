"""Seeded pairs of estate files: small cases side by side in several accounts, among pairs of files that say the same.

Nearly all is as it should be; what is not is unusual in ways that bind entries to one another: ids and owners that two
have, names that other accounts have too, references of every kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from planning.generating import case_of
from pulumi_cloudbackup.estate import Document, document_from_json, estate_to_json

REGIONS = ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen")
UNKNOWN = {"$unknown": True}
Entry = dict[str, Any]
Pair = tuple[Entry, Entry, Entry, Entry]
"""Vault and mirror as they are there, vault and mirror as they are declared."""


def crowd_of(seed: int) -> tuple[Document, Document]:
    """Return the two files of a seed."""
    rng = Random(seed)  # noqa: S311 - a seeded choice of tests
    current: dict[str, Any] = {"schema_version": 1, "vaults": [], "mirrors": []}
    desired: dict[str, Any] = {"schema_version": 1, "vaults": [], "mirrors": []}
    if rng.random() < 0.7:
        _add_case(rng, current, desired)
    for number in range(rng.choice([1, 2, 4, 8, 12])):
        _add_pair(rng, number, current, desired)
    _add_whole(rng, current, desired)
    for content in (current, desired):
        for part in ("vaults", "mirrors"):
            rng.shuffle(content[part])
    first, second = (document_from_json(json.dumps(content).encode()) for content in (current, desired))
    return first, second


def _add_case(rng: Random, current: Entry, desired: Entry) -> None:
    """Add a case of the planner's own tests, in accounts of its own or in the one of everything else."""
    case = case_of(rng.randrange(100_000))
    prefix = rng.choice(["", "", "case-"])
    for estate, content in ((case.current, current), (case.desired, desired)):
        written = json.loads(estate_to_json(estate))
        for part in ("vaults", "mirrors"):
            for entry in written.get(part, []):
                if prefix or entry.get("account"):
                    entry["account"] = f"{prefix}{entry.get('account', 'default')}"
                content[part].append(entry)
        for name in ("limits", "usage"):
            if name in written and not prefix:
                content[name] = written[name]


def _add_pair(rng: Random, number: int, current: Entry, desired: Entry) -> None:
    """Add a vault and its mirror, nearly always the same on both sides."""
    account = rng.choice([{}, {"account": "one"}, {"account": "two"}, {"account": "default"}])
    name = rng.choice(["p", "v", "q"]) + str(number if rng.random() < 0.9 else rng.randrange(4))
    taken = {
        (one.get("account"), one["name"])
        for file in (current, desired)
        for part in ("vaults", "mirrors")
        for one in file[part]
    }
    if {(account.get("account"), name), (account.get("account"), f"{name}-dr")} & taken:
        return
    region = rng.randrange(4)
    vault: Entry = {"name": name, "region_id": REGIONS[region], **account}
    mirror: Entry = {"name": f"{name}-dr", "source": name, "region_id": REGIONS[(region + 1) % 4], **account}
    if rng.random() < 0.3:
        vault |= {"description": "Backups", "tags": {"team": rng.choice(["shop", "mail"])}}
    if rng.random() < 0.2:
        vault |= {"encrypt_type": "KMS", "kms_key_id": "key"}
        mirror |= {"kms_key_id": "other-key"}
    there: Entry = {"id": f"p-{number}", "status": "CREATED", "holds_data": False}
    copy: Entry = {"id": f"p-{number}-dr", "status": "CREATED"}
    pair = ({**vault, **there}, {**mirror, **copy}, vault, mirror)
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        rng.choice(HABITS)(rng, pair)
    for part, old, new in (("vaults", pair[0], pair[2]), ("mirrors", pair[1], pair[3])):
        if "name" in old:
            current[part].append(old)
        if "name" in new:
            desired[part].append(new)


def _add_whole(rng: Random, current: Entry, desired: Entry) -> None:
    """Add something that is about a whole file."""
    if rng.random() < 0.1:
        current["account"] = desired["account"] = rng.choice(["one", "house"])
    if rng.random() < 0.1:
        desired["account"] = "two"
    if rng.random() < 0.1:
        name = rng.choice(["live_regions", "live_mirror_regions"])
        rng.choice([current, desired])[name] = list(REGIONS[: rng.randrange(5)])
    if rng.random() < 0.1:
        current["listed_regions"] = list(REGIONS)
    if rng.random() < 0.1:
        counts = {REGIONS[0]: rng.randrange(6)}
        current["usage"] = {"vaults": rng.randrange(30), "mirrors_by_region": counts, "complete": rng.random() < 0.5}
    if rng.random() < 0.1:
        desired["limits"] = {"vaults": rng.randrange(30), "mirrors_per_region": rng.randrange(6)}
    if rng.random() < 0.03:
        current["foreign"] = [{"urn": "urn:pulumi:dev::shop::aws:kms:Key::key", "action": "replace"}]


def _both(rng: Random, pair: Pair, values: Entry) -> None:
    """Write arguments of a vault or its mirror on both sides, or on one of them."""
    place = rng.randrange(2)
    for side in rng.choice([(0, 2), (0, 2), (0,), (2,)]):
        pair[side + place].update(values)


def _some(rng: Random, pair: Pair) -> None:
    """Write something that both kinds may have, most of it unusual."""
    values: list[Entry] = [
        {"status": rng.choice(["CREATED", "ERROR", "INITIALIZING", "GONE", "UNKNOWN", "new"])},
        {"owner": rng.choice(["shop/dev/a#1", "shop/dev/b#2"])},
        {"managed_by": rng.choice(["this", "other", "none", None])},
        {"vault_name": rng.choice(["x", "", "y" * 64, "y" * 65, pair[2].get("name"), UNKNOWN, None])},
        {"vault_name": f"[COPY]-{pair[2].get('name')}"},
        {"description": rng.choice(["x", "", "y" * 250, UNKNOWN, None, f"From {pair[2].get('name')}({pair[0].get('id')})"])},
        {"region_id": rng.choice([*REGIONS, "cn-nowhere", "", UNKNOWN])},
        {"kms_key_id": rng.choice(["key", "", UNKNOWN, None])},
        {"encrypt_type": rng.choice(["KMS", "HBR_PRIVATE", "kms"])},
        {"worm_enabled": rng.choice([True, False])},
        {"adopt_id": rng.choice(["p-1", "p-2-dr", "v-9", "", UNKNOWN])},
        {"timeout": rng.choice([60, 60.5])},
        {"id": rng.choice(["p-1", "p-1-dr", "", None, UNKNOWN, "urn:pulumi:estate::one::x::p1"])},
        {"aliases": [rng.choice(["p1", "p2-dr", "gone"])]},
        {"depends_on": [rng.choice(["p1", "p2", "v0"])]},
        {"protect": True},
        {"pending_delete": True},
        {"pending_replacement": True},
        {"snapshot_count": rng.choice([0, 3]), "bytes_stored": 10, "created_time": 1_700_000_000},
        {"holds_data": rng.choice([True, False, None, UNKNOWN])},
        {"options": rng.choice([{}, {"retain_on_delete": True}, {"deleted_with": "p1"}, {"parent": "urn:x"}])},
        {"options": {"ignore_changes": [rng.choice(["*", "description", "source"])]}},
        {"options": {"delete_before_replace": False}},
        {"account": rng.choice(["one", "two", "default", "", None])},
    ]  # fmt: skip
    _both(rng, pair, rng.choice(values))


def _of_vaults(rng: Random, pair: Pair) -> None:
    """Write something that vaults have."""
    values: list[Entry] = [
        {"tags": rng.choice([{}, None, {"a": UNKNOWN}, {"acs:x": "y"}, {"": "x"}, dict.fromkeys("abcdefghijklmnopqrstu", "1"), UNKNOWN])},
        {"vault_type": rng.choice(["STANDARD", "OTS_BACKUP", "ARCHIVE"])},
        {"encrypt_type": "HBR_PRIVATE", "worm_enabled": False, "force_destroy": False},
        {"force_destroy": True},
        {"resource_group_id": rng.choice(["rg", "", None])},
        {"charge_type": rng.choice(["FREE", "V1", "AEGIS"]), "is_trial": rng.choice([True, False, None])},
        {"mirror_id": rng.choice([pair[1].get("id"), pair[1].get("id"), "p-1-dr", "p-9", ""])},
        {"mirror_region_id": "cn-shanghai"},
        {"urn": "urn:pulumi:dev::shop::a:Vault::p1"},
    ]  # fmt: skip
    chosen = rng.choice(values)
    for side in rng.choice([(0, 2), (0,), (0,), (2,)]):
        pair[side].update(chosen)


def _of_mirrors(rng: Random, pair: Pair) -> None:
    """Write something that mirrors have."""
    values: list[Entry] = [
        {"source": rng.choice(["p1", "p2", "v0", "p1-dr", "nobody"])},
        {"source": {"id": rng.choice(["p-1", "p-2", "v-9", UNKNOWN, ""]), "region_id": rng.choice(REGIONS)}},
        {"source": {"id": pair[0].get("id"), "region_id": pair[0].get("region_id", "x")}},
        {"redundancy_type": rng.choice(["LRS", "ZRS", None])},
        {"encrypt_type": rng.choice(["HBR_PRIVATE", "KMS", None])},
        {"replication_status": "RUNNING", "replication_progress": 100, "source_status": rng.choice(["CREATED", "GONE"])},
        {"status_message": "SOURCE_VAULT_ALREADY_HAS_REPLICATION", "status": "ERROR"},
        {"urn": "urn:pulumi:dev::shop::a:MirrorVault::p1"},
        {"allow_last_copy_loss": rng.choice(["p-1-dr", "p-2-dr"])},
    ]  # fmt: skip
    chosen = rng.choice(values)
    for side in rng.choice([(1, 3), (1,), (3,), (3,)]):
        pair[side].update(chosen)


def _leave(rng: Random, pair: Pair) -> None:
    """Take one or two of the four entries away."""
    for entry in rng.choice([pair[:2], pair[2:], pair[1:2], pair[3:], pair[:1], pair[2:3]]):
        entry.clear()


def _rename(rng: Random, pair: Pair) -> None:
    if "name" in pair[3]:
        pair[3]["name"] = f"{pair[3].get('name')}{rng.choice('xy')}"


def _edit(rng: Random, pair: Pair) -> None:
    """Change an argument of a vault that both files give."""
    values: list[tuple[str, Any, Any]] = [
        ("description", "before", "after"),
        ("tags", {"team": "shop"}, {"team": "mail"}),
        ("force_destroy", False, True),
        ("resource_group_id", "rg-1", "rg-2"),
        ("vault_name", "before", "after"),
        ("worm_enabled", False, True),
        ("encrypt_type", "HBR_PRIVATE", "KMS"),
    ]
    name, before, after = rng.choice(values)
    pair[0][name], pair[2][name] = before, after


def _wrong_alike(rng: Random, pair: Pair) -> None:
    """Write on both sides what a rule does not like."""
    place = rng.randrange(2)
    values: Entry = rng.choice(
        [
            {"description": "y" * 250},
            {"vault_name": "y" * 65},
            {"region_id": "cn-nowhere"},
            {"id": rng.choice(["p-0", "p-1", "p-1-dr"])},
            {"owner": "shop/dev/a#1"},
            {"tags": dict.fromkeys("abcdefghijklmnopqrstu", "1")}
            if place == 0
            else {"source": rng.choice(["p0", "p1"])},
            {"mirror_id": "p-1-dr"} if place == 0 else {"status": "ERROR", "status_message": "UNKNOWN_ERROR"},
        ]
    )
    for side in (0, 2):
        pair[side + place].update(values)


HABITS: tuple[Callable[[Random, Pair], None], ...] = (
    _some,
    _some,
    _some,
    _of_vaults,
    _of_mirrors,
    _leave,
    _rename,
    _edit,
    _edit,
    _wrong_alike,
)
