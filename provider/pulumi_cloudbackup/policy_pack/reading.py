"""The estate in what CrossGuard shows of a stack: every resource that the stack will have, by its outputs.

In a preview the outputs of what is created or updated are its inputs: there are no ids, and what is known only after
apply cannot be touched. Resources that are only read are not shown, neither is what is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_policy.proxy import UnknownValueError

from pulumi_cloudbackup.engine.estates import Entry, around, estate_of, foreign_of
from pulumi_cloudbackup.engine.states import ResourceState, decoded, state_of
from pulumi_cloudbackup.estate import UNKNOWN, is_known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pulumi_policy import PolicyResource

    from pulumi_cloudbackup.estate import Estate

_KIND: Final = "4dabf18193072939515e22adb298388d"
"""The key under which a dictionary says that it stands for something else."""
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a word of the format
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How a text is written that is known only after apply."""


def estate_in(resources: Iterable[PolicyResource]) -> Estate:
    """Return the vaults and mirrors of a stack, and the other resources around them."""
    states = [_state(one) for one in resources]
    # A new vault that the command does not target has nothing: nobody declares it in this run.
    ours = [one for one in states if one.kind is not None and one.outputs]
    return estate_of(
        _with_ids([_entry(one) for one in ours]), foreign_of(around(ours, (one for one in states if one.kind is None)))
    )


def raw(value: Any) -> Any:
    """Return a value without CrossGuard's guard, which raises where something unknown is touched: ``UNKNOWN``."""
    if isinstance(value, Mapping):
        return {str(key): _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, position) for position in range(len(value))]
    return value


def concealed(properties: Any) -> Any:
    """Return properties as the engine sends them, with secrets as what is known only after apply."""
    if isinstance(properties, Mapping):
        if properties.get(_KIND) == _SECRET:
            return _UNKNOWN
        return {key: concealed(value) for key, value in properties.items()}
    if isinstance(properties, list):
        return [concealed(value) for value in properties]
    return properties


def _item(holder: Any, key: Any) -> Any:
    try:
        return raw(holder[key])
    except UnknownValueError:
        return UNKNOWN


def _state(resource: PolicyResource) -> ResourceState:
    return state_of(
        {
            "urn": resource.urn,
            "type": resource.resource_type,
            "custom": True,
            "parent": resource.parent.urn if resource.parent is not None else None,
            "outputs": decoded(raw(resource.props)),
            "dependencies": [one.urn for one in resource.dependencies],
            "propertyDependencies": {
                key: [one.urn for one in found] for key, found in resource.property_dependencies.items()
            },
            "protect": resource.opts.protect,
            "ignoreChanges": list(resource.opts.ignore_changes),
            "aliases": list(resource.opts.aliases),
        }
    )


def _entry(state: ResourceState) -> Entry:
    arguments = dict(state.outputs)
    if state.kind == "MirrorVault" and "description" not in state.property_dependencies:
        # The default quotes the id of the source, and nobody waits for that.
        arguments = {key: value for key, value in arguments.items() if key != "description" or is_known(value)}
    vault_id = arguments.get("vault_id")
    return Entry(state, arguments, arguments, vault_id if isinstance(vault_id, str) else "")


def _with_ids(entries: list[Entry]) -> list[Entry]:
    """Give vaults that are updated the ids that their mirrors know."""
    told = {
        one.arguments.get("source_owner"): source_id
        for one in entries
        if isinstance(source_id := one.arguments.get("source_vault_id"), str)
    }
    return [
        replace(one, id=told.get(owner, ""))
        if not one.id and one.state.kind == "Vault" and isinstance(owner := one.arguments.get("owner"), str)
        else one
        for one in entries
    ]
