"""Programs of tests: a project's directory, or a function, as projects that either engine can run."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pulumi.dynamic import ResourceProvider

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
from types import ModuleType

sys.path.extend({paths})
program, name, annotated = pickle.loads((Path(__file__).parent / "program.pickle").read_bytes())
if annotated:
    vars(sys.modules.setdefault(name, ModuleType(name))).update(annotated)
result = program()
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
    if module is None or module.__name__ == "__main__":
        return _dumped(cloudpickle.dumps, program, (program, "", {}))
    cloudpickle.register_pickle_by_value(module)
    try:
        with suppress(Exception):  # what annotations name may be nothing to pickle, and hardly anybody reads it
            annotated: bytes = cloudpickle.dumps((program, module.__name__, _annotated(module)))
            return annotated
        return _dumped(cloudpickle.dumps, program, (program, "", {}))
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _dumped(dumps: Callable[[Any], bytes], program: Callable[[], Any], whole: Any) -> bytes:
    __tracebackhide__ = True
    try:
        return dumps(whole)
    except Exception as error:
        raise UsageError(
            f"{_called(program)} cannot be the program: what it uses cannot be taken to another process ({error}). "
            "Import and make what it needs inside of it."
        ) from error


def _annotated(module: ModuleType) -> dict[str, Any]:
    """Return the types and modules of a module that its written annotations name.

    Pulumi and others look such names up in the module of the class, which the process of the program cannot import.
    """
    words = {word for text in _texts(module) for word in _names_in(text)}
    named = ((word, vars(module)[word]) for word in sorted(words & vars(module).keys()))
    return {word: value for word, value in named if _is_for_annotations(value)}


def _is_for_annotations(value: object) -> bool:
    """Whether it may stand in an annotation; a provider has to be pickled by value still."""
    if isinstance(value, type):
        return not issubclass(value, ResourceProvider)
    return isinstance(value, ModuleType) or type(value).__module__ in {"types", "typing", "typing_extensions"}


def _texts(module: ModuleType) -> Iterator[str]:
    """Yield the texts of a module's code that may be annotations."""
    for value in vars(module).values():
        if getattr(value, "__module__", None) == module.__name__:
            yield from _texts_of(value)


def _texts_of(value: object) -> Iterator[str]:
    if isinstance(value, type):
        yield from (one for one in vars(value).get("__annotations__", {}).values() if isinstance(one, str))
        for one in vars(value).values():
            if isinstance(one, (FunctionType, type)) and one is not value:
                yield from _texts_of(one)
    elif isinstance(value, FunctionType):
        yield from _constants(value.__code__)


def _constants(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _constants(constant)


def _names_in(text: str) -> Iterator[str]:
    """Yield the names in a text that is an expression."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        yield from (one.id for one in ast.walk(ast.parse(text, mode="eval")) if isinstance(one, ast.Name))


def _called(program: Callable[[], Any]) -> str:
    code = getattr(program, "__code__", None)
    name = getattr(program, "__qualname__", repr(program))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code is not None else name
