"""Our policies and rules as a CrossGuard policy pack, which ``pulumi preview`` and ``pulumi up`` run themselves.

The ``__main__.py`` of a pack, beside a module ``our_policies`` with the list ``POLICIES``:

    import our_policies

    from pulumi_cloudbackup.policy_pack import policy_pack

    policy_pack(our_policies)

Decides nothing: ``pulumi_cloudbackup.policies`` and ``rules`` do. Needs ``pulumi-policy``, which the extra ``policy``
installs.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from types import ModuleType

    from pulumi_cloudbackup.policies import Policy

__all__ = ["policy_pack"]


def policy_pack(
    policies: Iterable[Policy] | ModuleType, *, name: str = "cloudbackup", without: Collection[str] = ()
) -> None:
    """Serve policies, and the rule book, as a policy pack, until the engine stops it.

    :param policies: Policies, or a module with them (see ``policies_in``); an empty list: only the rule book.
    :param name: What reports call the pack.
    :param without: Codes of rules that the pack leaves out, such as one that stacks waive.
    :raises SystemExit: There is something wrong in the arguments, or ``pulumi-policy`` is not installed; its message
        says what, and where.
    """
    try:
        import pulumi_policy  # noqa: F401, PLC0415 - an optional dependency
    except ModuleNotFoundError as error:
        if error.name != "pulumi_policy":
            raise
        raise SystemExit("A policy pack needs pulumi-policy:\n  pip install 'pulumi-cloudbackup[policy]'") from None

    from pulumi_cloudbackup.policies import PolicyError  # noqa: PLC0415 - what it needs is there
    from pulumi_cloudbackup.policy_pack.serving import serve  # noqa: PLC0415 - as above

    try:
        serve(policies, name=name, without=without)
    except PolicyError as error:
        place = traceback.extract_stack(limit=2)[0]
        raise SystemExit(f"{place.filename}:{place.lineno}: {error}") from None
