"""Programs of tests: a project's directory, or a function, as projects that either engine can run."""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pulumi_cloudbackup.testing.wrongs import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Program: TypeAlias = "str | Path | Callable[[], Any]"

PICKLED: Final = "program.pickle"
"""The file that holds a function."""
_MAIN: Final = """\
import inspect
import pickle
import sys
from pathlib import Path

sys.path.extend({paths})
result = pickle.loads((Path(__file__).parent / "program.pickle").read_bytes())()
if inspect.isawaitable(result):
    import pulumi

    pulumi.Output.from_input(result)  # the SDK waits for it
"""


@contextmanager
def folder_of(program: Program, project: str) -> Iterator[Path]:
    """Give the directory of a program's project; that of a function is made, and named as asked.

    Raises UsageError where it is neither a directory nor a function that can be run elsewhere.
    """
    __tracebackhide__ = True
    if isinstance(program, (str, Path)):
        yield Path(program)
        return
    if not callable(program):
        raise UsageError(f"A program is a directory or a function, and no {type(program).__name__}.")
    needed = [one.name for one in inspect.signature(program).parameters.values() if one.default is one.empty]
    if needed:
        raise UsageError(
            f"{_called(program)} cannot be the program: it asks for {', '.join(needed)}. "
            "A program takes no arguments; give it what it needs by configuration."
        )
    with tempfile.TemporaryDirectory(prefix="cloudbackup-program-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": project, "runtime": "python"}), encoding="utf-8")
        (folder / PICKLED).write_bytes(_pickled(program))
        paths = [one for one in dict.fromkeys(sys.path) if one and Path(one).is_dir()]
        (folder / "__main__.py").write_text(_MAIN.format(paths=repr(paths)), encoding="utf-8")
        yield folder


def _pickled(program: Callable[[], Any]) -> bytes:
    """Pickle a function with its own module by value: no other process can import a test. Raises UsageError."""
    __tracebackhide__ = True
    try:
        import cloudpickle  # type: ignore[import-untyped] # noqa: PLC0415 - only for functions, and not a dependency
    except ImportError:
        raise UsageError(
            "A function as a program needs cloudpickle: install it, or pulumi-cloudbackup[test]."
        ) from None
    module = sys.modules.get(getattr(program, "__module__", ""))
    by_value = module is not None and module.__name__ != "__main__"
    try:
        if by_value:
            cloudpickle.register_pickle_by_value(module)
        pickled: bytes = cloudpickle.dumps(program)
    except Exception as error:
        raise UsageError(
            f"{_called(program)} cannot be the program: what it uses cannot be taken to another process ({error}). "
            "Import and make what it needs inside of it."
        ) from error
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return pickled


def _called(program: Callable[[], Any]) -> str:
    code = getattr(program, "__code__", None)
    name = getattr(program, "__qualname__", repr(program))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code is not None else name
