"""What may be backed up into a vault: CB213. Policies are not in an estate yet: what writes where is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_cloudbackup.estate import MirrorVault, is_known
from pulumi_cloudbackup.rules.book import Broken, Finding, NotYetKnown, rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@rule("CB213", "Mirror vault as a backup target")
def nothing_backs_up_into_a_mirror(mirror: MirrorVault, targets: Collection[str]) -> Iterator[Finding]:
    """Check that no policy or plan backs up into a mirror vault; ``targets`` are ids and names of what they write to.

    Why it matters: a mirror is read-only. It receives the copy of its source and serves restores; the service refuses a
    backup plan for it, and a policy that names it backs up nothing.

    How to fix it: back up into the source. What arrives there is in the mirror a little later.
    """
    if mirror.name in targets or (mirror.id is not None and is_known(mirror.id) and mirror.id in targets):
        yield Broken(
            "id",
            f'Something backs up into mirror vault "{mirror.name}". A mirror is read-only: it takes copies of its '
            "source and nothing else.",
            f'Back up into {_source_of(mirror)} instead; "{mirror.name}" receives a copy.',
        )
    elif targets and mirror.id is not None and not is_known(mirror.id):
        yield NotYetKnown("id")


def _source_of(mirror: MirrorVault) -> str:
    if isinstance(mirror.source, str):
        return f'its source "{mirror.source}"'
    return f"its source {mirror.source.id}" if is_known(mirror.source.id) else "its source"
