"""The live account, asked once for a whole program: which regions there are, and which vaults are in those that matter.

Asking is advice, so it never fails: what gave no answer is told, with the RAM action that may be missing, and what
depends on it counts as not verified.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from pulumi_cloudbackup.cloud import CloudError
from pulumi_cloudbackup.estate import regions
from pulumi_cloudbackup.resources.refusal import Refusal, explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pulumi_cloudbackup.estate import LiveVault
    from pulumi_cloudbackup.resources.session import Session

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds to wait for all answers together."""


@dataclass
class Question:
    """What a program needs to know of one account."""

    regions: set[str] = field(default_factory=set)
    """The regions whose vaults matter."""
    sources: dict[str, str] = field(default_factory=dict)
    """Ids of sources with the regions that they are said to be in."""
    adopted: dict[str, str] = field(default_factory=dict)
    """Ids of vaults to take over, with their regions."""
    mirrors: bool = False
    """Whether there are mirrors, so that the regions that take them matter."""


@dataclass
class LiveAccount:
    """What the service said about one account."""

    regions: tuple[str, ...] | None = None
    """The regions that it serves; ``None``: not asked, or no answer."""
    mirror_regions: tuple[str, ...] | None = None
    """The regions that take mirrors; ``None``: not asked, or no answer."""
    vaults: dict[str, Mapping[str, LiveVault]] = field(default_factory=dict)
    """By region, by id; regions that gave no answer are missing."""
    failures: dict[str, str] = field(default_factory=dict)
    """What gave no answer, by what was asked, and why: each cause once."""

    def find(self, vault_id: str) -> LiveVault | None:
        """Return a vault of any region that answered."""
        return next((listed[vault_id] for listed in self.vaults.values() if vault_id in listed), None)

    def is_gone(self, vault_id: str, region_id: str) -> bool:
        """Whether the region answered and has no such vault."""
        return region_id in self.vaults and vault_id not in self.vaults[region_id]

    @property
    def account_id(self) -> str | None:
        """The account, where any vault tells."""
        found = (vault.owner_account_id for listed in self.vaults.values() for vault in listed.values())
        return next((one for one in found if one), None)

    def fail(self, error: CloudError | Refusal) -> None:
        """Note that a question got no answer."""
        if isinstance(error, CloudError):
            self.failures.setdefault(f"{error.action} {error.code}", explained(error))
        else:
            self.failures.setdefault("", str(error))


def ask(session: Session, questions: Mapping[str | None, Question]) -> dict[str | None, LiveAccount]:
    """Ask for all accounts and regions at once; takes PATIENCE seconds at most."""
    answers = {account: LiveAccount() for account in questions}
    late = _together(
        {account: partial(_ask_one, session, account, questions[account], answers[account]) for account in answers}
    )
    for account in late:
        answers[account].failures["late"] = f"The service gave no answer within {PATIENCE:g} seconds."
    # A late thread may still write: what is returned no longer changes.
    return {
        account: replace(answer, vaults=dict(answer.vaults), failures=dict(answer.failures))
        for account, answer in answers.items()
    }


def _ask_one(session: Session, account: str | None, question: Question, answer: LiveAccount) -> None:
    try:
        _ask_regions(session, account, question, answer)
    except (CloudError, Refusal) as error:
        answer.fail(error)
        return
    _list(session, account, {one for one in question.regions if _is_served(one, answer)}, answer)
    # A source tells where its mirror is; whose mirror that is, only that region tells.
    sources = (answer.find(vault_id) for vault_id in (*question.sources, *question.adopted))
    elsewhere = {
        source.mirror_region_id
        for source in sources
        if source is not None and source.mirror_region_id and not answer.find(source.mirror_vault_id or "")
    }
    _list(session, account, elsewhere - set(answer.vaults), answer)
    for vault_id, region_id in {**question.sources, **question.adopted}.items():
        if answer.is_gone(vault_id, region_id):
            _look_again(session, account, vault_id, region_id, answer)


def _ask_regions(session: Session, account: str | None, question: Question, answer: LiveAccount) -> None:
    """Ask which regions there are, in one call where all that are named are documented; raise what makes more vain."""
    try:
        if question.mirrors:
            answer.mirror_regions = session.mirror_regions(account)
        if not question.mirrors or any(region_id not in regions() for region_id in question.regions):
            answer.regions = session.live_regions(account)
    except CloudError as error:
        if error.code in ("Unreachable", "Credentials") or error.is_wrong_key:
            raise
        answer.fail(error)


def _is_served(region_id: str, answer: LiveAccount) -> bool:
    """Whether there is somebody to ask in a region: a misspelt one has no address."""
    return region_id in answer.regions if answer.regions is not None else region_id in regions()


def _list(session: Session, account: str | None, wanted: Iterable[str], answer: LiveAccount) -> None:
    def work(region_id: str) -> None:
        try:
            answer.vaults[region_id] = session.seen_first(account, region_id)
        except (CloudError, Refusal) as error:
            if isinstance(error, CloudError) and error.is_refused and answer.regions is None:
                _ask_whether_it_is_served(session, account, region_id, answer)
            if answer.regions is None or region_id in answer.regions:
                answer.fail(error)

    _together({region_id: partial(work, region_id) for region_id in sorted(wanted)})


def _ask_whether_it_is_served(session: Session, account: str | None, region_id: str, answer: LiveAccount) -> None:
    """Ask for the list of regions where one that documents name is refused: it may be served no more, or not yet."""
    with contextlib.suppress(CloudError, Refusal):
        served = session.live_regions(account)
        if region_id not in served:
            answer.regions = served


def _look_again(session: Session, account: str | None, vault_id: str, region_id: str, answer: LiveAccount) -> None:
    """Ask for one vault that a listing lacks: it may have been created since, and absence is what gets rejected."""
    try:
        found = session.cloud(account).get_vault(region_id, vault_id)
    except (CloudError, Refusal) as error:
        answer.fail(error)
        del answer.vaults[region_id]
        return
    if found is not None:
        answer.vaults[region_id] = {**answer.vaults[region_id], vault_id: found}


def _together(work: Mapping[T, Callable[[], None]]) -> list[T]:
    """Do all of it at once, in threads that nobody waits for when the program ends; return what is late."""
    waiting = {one: Future[None]() for one in work}
    for one, done in waiting.items():
        threading.Thread(target=_run, args=(work[one], done), daemon=True).start()
    ended = wait(waiting.values(), timeout=PATIENCE)
    for done in ended.done:
        done.result()
    return [one for one, done in waiting.items() if done in ended.not_done]


def _run(work: Callable[[], None], done: Future[None]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
        done.set_exception(error)
    else:
        done.set_result(None)
