"""What ``check`` returns: complete inputs with defaults filled in, and the problems one resource decides by itself.

Where the program could not ask the live account about a resource (an inline program, or a value that it did not know),
``check`` asks. What the program has told is not told again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import UNKNOWN, MirrorVault, Unknown
from pulumi_cloudbackup.estate.mirror import default_mirror_description, default_mirror_name, mirror_encrypt_type
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.estate.vault import DEFAULT_ENCRYPT_TYPE, DEFAULT_VAULT_TYPE
from pulumi_cloudbackup.resources.account import LiveAccount, ask
from pulumi_cloudbackup.resources.fates import Evidence
from pulumi_cloudbackup.resources.holding import STAYS_PARKED, is_held, refuse_parked_source
from pulumi_cloudbackup.resources.judging import judge_declarations
from pulumi_cloudbackup.resources.questions import questions
from pulumi_cloudbackup.resources.resolving import Declaration, Declared
from pulumi_cloudbackup.resources.wire import (
    Note,
    as_far_as_usable,
    known_text,
    mirror_of,
    resource_name,
    source_of,
    source_problems,
    vault_of,
    without_note,
)
from pulumi_cloudbackup.rules import Problem, Waivers, judge, judge_mirror, judge_vault, settle
from pulumi_cloudbackup.rules.argument_rules import DESCRIPTION_LIMIT
from pulumi_cloudbackup.rules.source_rules import Rivals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.resources.session import Session


ASKED_LIVE: Final = ("CB103", "CB207")
"""Codes of doubts that the live account can answer: an inline program leaves them to ``check``, which asks it."""
_MASK: Final = "[secret]"
_DECIDED_LIVE: Final = (
    "CB103",
    "CB112",
    "CB113",
    "CB202",
    "CB203",
    "CB204",
    "CB205",
    "CB206",
    "CB207",
    "CB210",
    "CB211",
    "CB212",
)


@dataclass(frozen=True)
class Checked:
    """Complete inputs and what is wrong with them."""

    inputs: Mapping[str, Any]
    """The inputs with every default filled in; unknowns stay unknown."""
    errors: tuple[Problem, ...]
    """What stops the preview."""
    warnings: tuple[str, ...] = ()
    """What is only told, and was not told by the program already."""


def checked_vault(session: Session, before: Mapping[str, Any], after: Mapping[str, Any]) -> Checked:
    """Check a vault; ``before``: its last inputs, empty where the engine gives none."""
    after, note = _received(session, after)
    inputs = {
        **after,
        "vault_name": after.get("vault_name", resource_name(after)[:64]),
        "vault_type": after.get("vault_type", DEFAULT_VAULT_TYPE),
        "encrypt_type": after.get("encrypt_type", DEFAULT_ENCRYPT_TYPE),
        "worm_enabled": after.get("worm_enabled", False),
        "force_destroy": after.get("force_destroy", False),
    }
    vault, unusable = as_far_as_usable(vault_of, inputs)
    live, failures = _asked(session, note, before, inputs, "Vault")
    problems = unusable + judge_vault(vault, live.regions).problems
    if before.get("worm_enabled") is True:
        problems += judge(("CB109",), vault.name, before["worm_enabled"], vault).problems
    return _checked(session, note, inputs, (*problems, *_live_problems(problems, live, inputs, "Vault")), failures)


def checked_mirror(session: Session, before: Mapping[str, Any], after: Mapping[str, Any]) -> Checked:
    """Check a mirror; ``before``: its last inputs, empty where the engine gives none."""
    after, note = _received(session, after)
    refuse_parked_source(after)
    inputs = dict(after)
    mirror, unusable = as_far_as_usable(mirror_of, inputs)
    unusable += source_problems(inputs, mirror.name)
    source = source_of(inputs)
    name_of_source = source.vault_name if source.vault_name is not None else source.id
    if name_of_source is not None:
        inputs.setdefault("vault_name", default_mirror_name(name_of_source))
        if source.id is not None:
            inputs.setdefault("description", default_mirror_description(name_of_source, source.id, DESCRIPTION_LIMIT))
    encrypt_type = mirror_encrypt_type(mirror, source)
    if encrypt_type is not None:
        inputs["encrypt_type"] = encrypt_type
    live, failures = _asked(session, note, before, inputs, "MirrorVault")
    problems = unusable + judge_mirror(mirror, source, live.regions, live.mirror_regions).problems
    problems += _rivals(session, mirror, inputs)
    more = _live_problems(problems, live, inputs, "MirrorVault")
    return _checked(session, note, inputs, (*problems, *more), failures)


def _received(session: Session, after: Mapping[str, Any]) -> tuple[Mapping[str, Any], Note]:
    """Take off the note that the program left for this check."""
    owner, note = without_note(after.get("owner"))
    if note == Note():
        return after, note
    if note.live:
        session.judged_live.add(owner)
    stays = {STAYS_PARKED: True} if note.stays_parked else {}
    return {**after, "owner": owner, **stays}, note


def _asked(
    session: Session, note: Note, before: Mapping[str, Any], inputs: Mapping[str, Any], kind: str
) -> tuple[LiveAccount, tuple[str, ...]]:
    """Ask the live account about one new resource, if nobody has; what exists already is the business of ``diff``."""
    account = inputs.get("account")
    needless = note.judged or bool(before) or is_held(inputs.get("owner")) or note.stays_parked
    if needless or isinstance(account, Unknown) or not session.asks_in_preview(account):
        return LiveAccount(), ()
    answer = ask(session, questions([_alone(inputs, kind)], None))[account]
    failures = tuple(f"not fully checked against the live account: {text}" for text in answer.failures.values())
    return answer, tuple(failure for failure in failures if session.is_news(failure))


def _rivals(session: Session, mirror: MirrorVault, inputs: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Judge the mirrors that this run has checked: two of one source may show only here, when its id is known."""
    source_id, owner = known_text(inputs.get("source_vault_id")), known_text(inputs.get("owner"))
    other = session.mirrored_by(source_id, owner) if source_id and owner and not is_held(owner) else None
    if other is None or source_id is None:
        return ()
    name = readable_owner(other).rpartition("/")[2]
    first = MirrorVault.model_construct(name=name, region_id=UNKNOWN, source=mirror.source)
    return judge(("CB202",), mirror.name, Rivals(source_id, (first, mirror))).problems


def _live_problems(
    found: tuple[Problem, ...], live: LiveAccount, inputs: Mapping[str, Any], kind: str
) -> list[Problem]:
    """Return what only the live account shows, and what was not found without it."""
    if not live.vaults:
        return []
    prefix = readable_owner(str(inputs.get("owner") or "")).rpartition("/")[0] + "/"
    alone = _alone(inputs, kind)
    judgement = judge_declarations([alone], Evidence(live={inputs.get("account"): live}, own_prefix=prefix))
    told = {problem.code for problem in found}
    return [problem for problem in judgement.errors if problem.code in _DECIDED_LIVE and problem.code not in told]


def _alone(inputs: Mapping[str, Any], kind: str) -> Declared:
    return Declared(Declaration(kind, resource_name(inputs), inputs, None, {}), inputs)


def _checked(
    session: Session, note: Note, inputs: Mapping[str, Any], problems: tuple[Problem, ...], failures: tuple[str, ...]
) -> Checked:
    """Settle problems as the program does; warnings are told where the program could not tell them."""
    judging = session.judging
    today = dt.datetime.now(dt.timezone.utc).date().isoformat()
    masked = [_masked(problem, note, inputs) for problem in problems]
    settled = settle(masked, _by_plain_name(judging.waivers), today, strict=judging.strict).problems
    told = tuple(
        f"warning {problem.one_line}"
        for problem in settled
        if not problem.stops and problem.waived is None and not note.judged and problem.code not in note.told
    )
    return Checked(inputs, tuple(problem for problem in settled if problem.stops), (*failures, *told))


def _masked(problem: Problem, note: Note, inputs: Mapping[str, Any]) -> Problem:
    """Return a problem that quotes nothing secret."""
    detail, fix = problem.detail, problem.fix
    for text in (text for key in note.secret for text in _texts(inputs.get(key))):
        detail, fix = detail.replace(text, _MASK), fix.replace(text, _MASK)
    return replace(problem, detail=detail, fix=fix)


def _texts(value: object) -> list[str]:
    """Return every text in a value."""
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    return [value] if isinstance(value, str) and value else []


def _by_plain_name(waivers: Waivers) -> Waivers:
    """Return waivers as one resource sees them: without parents in names; broken ones are told by the program."""
    plain = tuple(replace(one, resource=one.resource.rpartition("/")[2]) for one in waivers.usable)
    return Waivers(tuple(dict.fromkeys((*waivers.usable, *plain))))
