"""What we need of the process that runs dynamic providers (``python -m pulumi.dynamic``) beyond its contract.

Both are private details of the Pulumi SDK, so both look before they touch and fall back to the SDK's own behaviour:
errors with a traceback, four threads (reference/pulumi-engine.md 0.8, section 3).
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pulumi_cloudbackup.resources.refusal import Refusal

THREADS_VARIABLE: Final = "CLOUDBACKUP_THREADS"
_THREADS: Final = 64
"""Waiting for a vault takes a thread each; the engine's own parallelism is the real limit."""


def prepare_host() -> None:
    """Show refusals without a traceback and let many vaults be waited for at once; does nothing elsewhere."""
    main = sys.modules.get("__main__")
    if main is None or not hasattr(main, "DynamicResourceProviderServicer"):
        return
    _show_refusals_plainly(main)
    _serve_with_more_threads()


class _PlainTraceback:
    """Stands in for the module ``traceback`` inside the host, which calls ``format_exc`` for its error message."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def format_exc(self, *args: Any, **kwargs: Any) -> str:
        error = sys.exc_info()[1]
        return str(error) if isinstance(error, Refusal) else str(self._original.format_exc(*args, **kwargs))


def _show_refusals_plainly(main: Any) -> None:
    original = getattr(main, "traceback", None)
    if hasattr(original, "format_exc") and not isinstance(original, _PlainTraceback):
        main.traceback = _PlainTraceback(original)


def _serve_with_more_threads() -> None:
    """Raise the limit of the pool that runs this very call: found from the pool's own frame on our stack."""
    try:
        wanted = int(os.environ.get(THREADS_VARIABLE, _THREADS))
    except ValueError:
        wanted = _THREADS
    frame: Any = sys._getframe()  # noqa: SLF001 - the only way to the pool, and guarded
    while frame is not None:
        reference = frame.f_locals.get("executor_reference") if frame.f_code.co_name == "_worker" else None
        pool = reference() if callable(reference) else None
        if isinstance(pool, ThreadPoolExecutor) and isinstance(getattr(pool, "_max_workers", None), int):
            pool._max_workers = max(pool._max_workers, wanted)  # noqa: SLF001 - read again at every submit
            return
        frame = frame.f_back
