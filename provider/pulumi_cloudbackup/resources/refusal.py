"""The one exception that leaves a provider method: text that a person can act on, without a traceback."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import traceback
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import ParamSpec

from pulumi_cloudbackup.cloud import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_cloudbackup.rules import Problem

P = ParamSpec("P")
R = TypeVar("R")
DEBUG_VARIABLE = "CLOUDBACKUP_DEBUG"


class Refusal(Exception):  # noqa: N818 - what it is for the user: nothing failed, the provider declined or gave up
    """The provider did not do what the engine asked for; the text says why and what to do."""

    problem: Problem | None = None
    """The rule that was broken, where it was one."""

    @classmethod
    def of(cls, problem: Problem) -> Refusal:
        """Return the refusal that a problem asks for: code, what is wrong, why, what to do."""
        refusal = cls(f"{problem.code}: {problem.summary}\n{problem.detail}\n{problem.fix}")
        refusal.problem = problem
        return refusal


def refusing(method: Callable[P, R]) -> Callable[P, R]:
    """Let only refusals out of a provider method: the outermost door to the engine."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except Refusal:
            raise
        except CloudError as error:
            raise Refusal(explained(error)) from None
        except Exception as error:  # noqa: BLE001 - the outermost door: becomes the bug report below
            if os.environ.get(DEBUG_VARIABLE):
                traceback.print_exc(file=sys.stderr)
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(place.filename)}:{place.lineno}"  # noqa: PTH119 - a bare name, not a path
            raise Refusal(
                f"{type(error).__name__} in {where}. This is a bug in the provider, please report it "
                f"(set {DEBUG_VARIABLE}=1 to see the details)."
            ) from None

    return guarded


def tell(text: str) -> None:
    """Tell the user something from inside the provider host, which passes its error output on."""
    with contextlib.suppress(OSError):  # whoever listened may be gone, and the caller goes on all the same
        sys.stderr.write(f"cloudbackup: {text}\n")
        sys.stderr.flush()


def explained(error: CloudError) -> str:
    """Return a failed call in words, with what to do where we know it."""
    text = str(error)
    if error.code == "Unreachable":
        return f"{text} Check the network and the endpoint, then run the same command again."
    if error.is_wrong_key:
        return (
            f"{text} Check the access key: cloudbackup:accessKeyId and cloudbackup:accessKeySecret, or the "
            "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET variables. After a change of the "
            "configuration, `pulumi refresh` and `pulumi destroy` take it over only with --run-program."
        )
    if error.is_forbidden:
        return f"{text} Grant the RAM action hbr:{error.action} to the identity that Pulumi runs with."
    if error.is_throttled:
        return f"{text} The service was asked too often; run the same command again in a minute."
    return text
