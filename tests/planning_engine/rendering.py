"""Pairs of estates as programs: what ``obliging.declare`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from random import Random
from typing import Any

from planning_engine.pairs import Declared, Neighbour, Pair, Side, label_of, real_id
from pulumi_cloudbackup.estate import ExistingSource, MirrorVault

_ARGUMENTS = (
    "region_id",
    "vault_name",
    "description",
    "kms_key_id",
    "account",
    "timeout",
    "vault_type",
    "encrypt_type",
    "worm_enabled",
    "resource_group_id",
    "tags",
    "force_destroy",
    "redundancy_type",
    "allow_last_copy_loss",
)
_OPTIONS = ("delete_before_replace", "retain_on_delete", "ignore_changes", "replace_on_changes")


def first_program(pair: Pair) -> list[dict[str, Any]]:
    """Declare what is there; what an earlier run left to be deleted has a name of its own for now."""
    return _program(pair, pair.current, {label_of(one): f"v-{pair.full(label_of(one))}" for one in pair.current.vaults})


def second_program(pair: Pair, ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Declare what is to be there; ``ids``: the engine's ids by label of the first program."""
    return _program(pair, pair.desired, ids)


def _program(pair: Pair, side: Side, ids: Mapping[str, str]) -> list[dict[str, Any]]:
    written = {label_of(one): _resource(pair, side, one, ids) for one in side.resources}
    written |= {one.name: _neighbour(pair, one) for one in side.neighbours}
    for one in written.values():  # a mirror whose source was replaced create-first, and then not the mirror
        old = str(one.get("source", {}).get("id", "")).removeprefix("v-")
        if old.endswith("--old") and old.removesuffix("--old") in one["depends_on"]:
            one["depends_on"].append(old)
    rng = Random(f"order {pair.seed}")  # noqa: S311 - a seeded choice of tests
    return [written[label] for label in _in_an_order(pair, written, rng)]


def _in_an_order(pair: Pair, written: Mapping[str, dict[str, Any]], rng: Random) -> list[str]:
    """Return the labels so that nothing comes before what it refers to, otherwise shuffled."""
    labels = {one["label"]: label for label, one in written.items()}
    sorter = TopologicalSorter({label: {labels[name] for name in _needs(one)} for label, one in written.items()})
    sorter.prepare()
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        rng.shuffle(ready)
        found += ready
        sorter.done(*ready)
    return found


def _needs(one: Mapping[str, Any]) -> set[str]:
    more = (one.get("key"), one.get("parent"), one.get("deleted_with"), one.get("source", {}).get("label"))
    return {*one["depends_on"], *(label for label in more if label is not None)}


def _neighbour(pair: Pair, one: Neighbour) -> dict[str, Any]:
    return {
        "label": pair.full(one.name),
        "name": pair.full(one.name),
        "kind": one.kind,
        "arguments": {} if one.kind == "Team" else {"text": one.text},
        "options": {"delete_before_replace": True} if one.delete_first else {},
        "depends_on": [pair.full(name) for name in one.depends_on],
    }


def _resource(pair: Pair, side: Side, one: Declared, ids: Mapping[str, str]) -> dict[str, Any]:
    values = {key: getattr(one, key, None) for key in _ARGUMENTS}
    options = {key: getattr(one.options, key) for key in _OPTIONS}
    name = pair.full(label_of(one))
    found: dict[str, Any] = {
        "label": name,
        "name": name,
        "kind": type(one).__name__,
        "arguments": {key: value for key, value in values.items() if value is not None},
        "options": {key: value for key, value in options.items() if value not in (None, ())},
        "aliases": [pair.full(alias) for alias in one.aliases],
        "depends_on": [pair.full(name) for name in one.depends_on],
    }
    if one.options.deleted_with:
        found["deleted_with"] = pair.full(one.options.deleted_with)
    if one.name in side.parents:
        found["parent"] = pair.full(side.parents[one.name])
    if one.name in side.keys and not one.pending_delete:
        found["arguments"]["encrypt_type"] = "KMS"
        found["key"] = pair.full(side.keys[one.name])
    if isinstance(one, MirrorVault):
        found["source"] = _source(pair, one.source, ids)
    return found


def _source(pair: Pair, source: str | ExistingSource, ids: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(source, str):
        return {"label": pair.full(source)}
    known = {key: getattr(source, key) for key in ("region_id", "vault_name", "encrypt_type")}
    return {**{key: value for key, value in known.items() if value is not None}, "id": real_id(pair, source, ids)}
