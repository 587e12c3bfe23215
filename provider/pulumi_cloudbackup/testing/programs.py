"""Programs of tests: a project's directory, or a function, as projects that either engine can run."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import json
import sys
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pulumi.dynamic import ResourceProvider

from pulumi_cloudbackup.testing.wrongs import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

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
program, neighbour, name, named = pickle.loads((Path(__file__).parent / "program.pickle").read_bytes())
annotations, bodies = named
if annotations:
    vars(sys.modules.setdefault(name, ModuleType(name))).update(annotations)
if bodies:
    neighbour.__globals__.update(bodies)  # those of the program, too
result = program()
if inspect.isawaitable(result):
    import pulumi

    pulumi.Output.from_input(result)  # the SDK waits for it
"""


_CLASS_BODY_LOADS: Final = frozenset(("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"))
"""How the body of a class reads a global name."""
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def folder_of(program: Program, project: str) -> AbstractContextManager[Path]:
    """Give the directory of a program's project; that of a function is made, and named as asked.

    Raises UsageError where it is neither a directory nor a function that can be run elsewhere.
    """
    __tracebackhide__ = True
    if isinstance(program, (str, Path)):
        return nullcontext(Path(program))
    if not callable(program):
        raise UsageError(f"A program is a directory or a function, and no {type(program).__name__}.")
    asked = inspect.signature(program, follow_wrapped=False).parameters.values()
    needed = [one.name for one in asked if one.default is one.empty and one.kind not in _VARIADIC]
    if needed:
        raise UsageError(
            f"{_called(program)} cannot be the program: it asks for {', '.join(needed)}. "
            "A program takes no arguments; give it what it needs by configuration."
        )
    return _made(project, _pickled(program))


@contextmanager
def _made(project: str, pickled: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cloudbackup-program-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": project, "runtime": "python"}), encoding="utf-8")
        (folder / PICKLED).write_bytes(pickled)
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
    function = _innermost(program)
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is None:
        return _dumped(cloudpickle.dumps, program, (program, None, "", ({}, {})))
    is_main = module.__name__ == "__main__"  # which is pickled by value without being told
    if not is_main:
        cloudpickle.register_pickle_by_value(module)
    try:
        annotations = {} if is_main else dict(_that_can_go(cloudpickle.dumps, _annotated(module)))
        bodies = dict(_that_can_go(cloudpickle.dumps, _read_by_classes(module, function)))
        neighbour = FunctionType((lambda: None).__code__, vars(module))  # pickled, it has the program's own globals
        return _dumped(cloudpickle.dumps, program, (program, neighbour, module.__name__, (annotations, bodies)))
    finally:
        if not is_main:
            cloudpickle.unregister_pickle_by_value(module)


def _innermost(program: Callable[[], Any]) -> Callable[..., Any]:
    """Return the function that a person has written, without what is around it."""
    while isinstance(program, functools.partial):
        program = program.func
    unwrapped: Callable[..., Any] = inspect.unwrap(program)
    return _innermost(unwrapped) if unwrapped is not program else program


def _that_can_go(dumps: Callable[[Any], bytes], named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield what can be taken to another process: the program may well do without the rest."""
    for name, value in named:
        with suppress(Exception):
            dumps(value)
            yield name, value


def _dumped(dumps: Callable[[Any], bytes], program: Callable[[], Any], whole: Any) -> bytes:
    __tracebackhide__ = True
    try:
        return dumps(whole)
    except Exception as error:
        raise UsageError(
            f"{_called(program)} cannot be the program: what it uses cannot be taken to another process ({error}). "
            "Import and make what it needs inside of it."
        ) from error


def _annotated(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the types and modules of a module that its written annotations name.

    Pulumi and others look such names up in the module of the class, which the process of the program cannot import.
    """
    words = {word for text in _texts(module) for word in _names_in(text)}
    return ((word, value) for word, value in _of_module(module, words) if _is_for_annotations(value))


def _read_by_classes(module: ModuleType, function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Yield what the bodies of classes inside of functions read of their module, which cloudpickle does not see."""
    values = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    codes = (code for value in (function, *values) for code in _codes_of(value))
    return _of_module(module, {word for code in codes for word in _read_by_bodies(code)})


def _of_module(module: ModuleType, words: set[str]) -> Iterator[tuple[str, Any]]:
    found = vars(module)
    return ((word, found[word]) for word in sorted(words & found.keys()) if not word.startswith("__"))


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
        for one in _inside(value):
            yield from _texts_of(one)
    elif isinstance(value, FunctionType):
        for code in _with_nested(value.__code__):
            yield from (constant for constant in code.co_consts if isinstance(constant, str))


def _codes_of(value: object) -> Iterator[CodeType]:
    """Yield the code of a function or of a class's methods, with all that is nested in it."""
    if isinstance(value, type):
        for one in _inside(value):
            yield from _codes_of(one)
    elif callable(value):
        code = getattr(_innermost(value), "__code__", None)
        yield from _with_nested(code) if isinstance(code, CodeType) else ()


def _inside(value: type) -> Iterator[object]:
    return (one for one in vars(value).values() if isinstance(one, (FunctionType, type)) and one is not value)


def _with_nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_nested(constant)


def _read_by_bodies(code: CodeType) -> Iterator[str]:
    """Yield the names that code reads as only the body of a class does."""
    if not code.co_flags & inspect.CO_OPTIMIZED:
        found = (one for one in dis.get_instructions(code) if one.opname in _CLASS_BODY_LOADS)
        yield from (str(one.argval) for one in found)


def _names_in(text: str) -> Iterator[str]:
    """Yield the names in a text that is an expression, and in texts inside of it."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for one in ast.walk(ast.parse(text, mode="eval")):
            if isinstance(one, ast.Name):
                yield one.id
            elif isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value != text:
                yield from _names_in(one.value)


def _called(program: Callable[[], Any]) -> str:
    function = _innermost(program)
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", repr(program))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code is not None else name
