"""What ``check`` returns: complete inputs with defaults filled in, and the problems one resource decides by itself.

Where the program could not ask the live account about a resource (an inline program, or a value that it did not know),
``check`` asks. What the program has told is not told again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.estate import Unknown
from pulumi_cloudbackup.estate.mirror import default_mirror_description, default_mirror_name, mirror_encrypt_type
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.estate.vault import DEFAULT_ENCRYPT_TYPE, DEFAULT_VAULT_TYPE
from pulumi_cloudbackup.resources.account import LiveAccount, ask
from pulumi_cloudbackup.resources.judging import Evidence, judge_declarations
from pulumi_cloudbackup.resources.questions import questions
from pulumi_cloudbackup.resources.resolving import Declaration, Declared
from pulumi_cloudbackup.resources.wire import (
    Note,
    as_far_as_usable,
    mirror_of,
    resource_name,
    source_of,
    source_problems,
    vault_of,
    without_note,
)
from pulumi_cloudbackup.rules import Problem, Waivers, judge, judge_mirror, judge_vault, settle
from pulumi_cloudbackup.rules.argument_rules import DESCRIPTION_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_cloudbackup.resources.session import Session


ASKED_LIVE: Final = ("CB103", "CB207")
"""Codes of doubts that the live account can answer: whoever asks it tells what is left of them."""
_DECIDED_LIVE: Final = (
    "CB103",
    "CB112",
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
    more = _live_problems(problems, live, inputs, "MirrorVault")
    return _checked(session, note, inputs, (*problems, *more), failures)


def _received(session: Session, after: Mapping[str, Any]) -> tuple[Mapping[str, Any], Note]:
    """Take off the note that the program left for this check."""
    owner, note = without_note(after.get("owner"))
    if note is Note.NONE:
        return after, note
    if note is Note.JUDGED_LIVE:
        session.judged_live.add(owner)
    return {**after, "owner": owner}, note


def _asked(
    session: Session, note: Note, before: Mapping[str, Any], inputs: Mapping[str, Any], kind: str
) -> tuple[LiveAccount, tuple[str, ...]]:
    """Ask the live account about one new resource, if nobody has; what exists already is the business of ``diff``."""
    account = inputs.get("account")
    if note is not Note.NONE or before or isinstance(account, Unknown) or not session.asks_in_preview(account):
        return LiveAccount(), ()
    answer = ask(session, questions([_alone(inputs, kind)], None))[account]
    failures = tuple(f"not fully checked against the live account: {text}" for text in answer.failures.values())
    return answer, tuple(failure for failure in failures if session.is_news(failure))


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
    """Settle problems as the program does; doubts are told here where the program left them to the live account."""
    judging = session.judging
    today = dt.datetime.now(dt.timezone.utc).date().isoformat()
    settled = settle(problems, _by_plain_name(judging.waivers), today, strict=judging.strict).problems
    doubts = tuple(
        f"warning {problem.one_line}"
        for problem in settled
        if not problem.stops and problem.waived is None and problem.code in ASKED_LIVE
    )
    asks = note is Note.NONE and session.asks_in_preview(None)
    return Checked(
        inputs,
        tuple(problem for problem in settled if problem.stops),
        (*failures, *(doubts if asks else ())),
    )


def _by_plain_name(waivers: Waivers) -> Waivers:
    """Return waivers as one resource sees them: without parents in names; broken ones are told by the program."""
    plain = tuple(replace(one, resource=one.resource.rpartition("/")[2]) for one in waivers.usable)
    return Waivers(tuple(dict.fromkeys((*waivers.usable, *plain))))
