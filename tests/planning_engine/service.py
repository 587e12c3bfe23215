"""The service's rules about sources and mirrors, held against the calls that were made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planning_engine.comparing import Prediction
from planning_engine.stacks import Ran
from pulumi_cloudbackup.estate import Estate


def violations(prediction: Prediction, ran: Ran) -> Iterator[str]:
    """Tell of calls that the service would have refused at some moment between their beginning and their end.

    A mirror that is being created occupies its source at once; one that is being deleted, until it is gone.
    """
    mirrors = _mirrors_by_source(prediction.current)
    vaults = {one.id for one in (*prediction.current.vaults, *prediction.current.mirrors)}
    gone: set[str] = set()
    own = [one for one in ran.calls if one.id in vaults or _is_of(one.call, prediction)]
    moments = [(one.began, "begins", one) for one in own] + [(one.ended, "ends", one) for one in own]
    for _, moment, one in sorted(moments, key=lambda each: each[0]):
        does = one.call.partition(" ")[0]
        if does == "create" and moment == "begins" and one.source:
            others = [mirror for mirror, source in mirrors.items() if source == one.source]
            if others:
                yield f"{one.call} while {', '.join(others)} is a mirror of {one.source}"
            if one.source in gone:
                yield f"{one.call} of a source that is deleted, {one.source}"
            mirrors[one.id] = one.source
        elif does == "delete" and moment == "begins":
            others = [mirror for mirror, source in mirrors.items() if source == one.id]
            if others:
                yield f"{one.call} while {', '.join(others)} is a mirror of it"
            gone.add(one.id)
        elif does == "delete":
            mirrors.pop(one.id, None)


def _is_of(call: str, prediction: Prediction) -> bool:
    return call.partition(" ")[2].startswith(prediction.prefix)


def _mirrors_by_source(estate: Estate) -> dict[str, str]:
    """Return the source of every mirror that is there, both by id."""
    ids: Mapping[str, str] = {one.name: str(one.id) for one in estate.vaults if not one.pending_delete}
    return {
        str(one.id): ids[one.source] if isinstance(one.source, str) else str(one.source.id)
        for one in estate.mirrors
        if not one.pending_replacement
    }
