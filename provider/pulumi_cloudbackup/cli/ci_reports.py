"""Reports for the tools of CI, JUnit and SARIF: finds where in the repository stands what they are about.

A resource stands where the program calls a class with its name in quotes. A name that the program puts together is
found nowhere; what is about it stands in line 1 of the program.
"""

import ast
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_cloudbackup.engine.project import Project, ProjectError, open_project

if TYPE_CHECKING:
    from pulumi_cloudbackup.reports.findings import Findings

_MOST_FILES: Final = 500
"""Files of a program that are read for names."""
_NAME: Final = re.compile(r'"name"\s*:\s*("(?:[^"\\\n]|\\.)*")')


@dataclass(frozen=True)
class Judged:
    """What was judged, as somebody named it on the command line."""

    root: Path
    """The root of the repository, as far as it can be told."""
    file: Path
    """The program or the estate file."""
    stack: str
    """The stack; empty: none was named."""
    lines: Callable[[Collection[str]], Iterable[tuple[str, Path, int]]]
    """Finds names of resources: each with its file and line."""


def judged_program(project: Project, stack: str | None) -> Judged:
    """Return what is judged of a project."""
    file = project.program_folder / ("__main__.py" if project.program == "." else project.program)
    return Judged(_root(project.folder), file, stack or "", lambda names: _lines_of_program(file, names))


def judged_folder(folder: Path, stack: str | None) -> Judged:
    """Return what is judged of a directory with a project; where it is none of Python, its Pulumi.yaml."""
    try:
        return judged_program(open_project(folder), stack)
    except ProjectError:
        return Judged(_root(folder.resolve()), folder.resolve() / "Pulumi.yaml", stack or "", lambda _: ())


def judged_file(name: str) -> Judged:
    """Return what is judged of an estate file."""
    file = Path(name).resolve()
    return Judged(_root(file.parent), file, "", lambda names: _lines_of_estate(file, names))


def ci_report(found: "Findings", form: str, judged: Judged) -> str:
    """Return a report as ``junit`` or ``sarif``."""
    from pulumi_cloudbackup.cli import version  # noqa: PLC0415 - imported by now
    from pulumi_cloudbackup.reports.findings import Place, Places  # noqa: PLC0415 - not for other formats
    from pulumi_cloudbackup.reports.junit import as_junit  # noqa: PLC0415 - as above
    from pulumi_cloudbackup.reports.sarif import as_sarif  # noqa: PLC0415 - as above

    names = {one.subject for one in found.findings} | {one.subject for one in found.not_yet_known}
    resources: dict[str, Place] = {}
    for name, file, line in judged.lines(names | set(found.resources) if form == "junit" else names):
        resources.setdefault(name, Place(_from(judged.root, file), line))
    places = Places(Place(_from(judged.root, judged.file)), resources)
    if form == "junit":
        return as_junit(found, places)
    category = "/".join(part for part in (places.program.file, judged.stack) if part)
    return as_sarif(found, places, version=version(), category=category)


def _root(folder: Path) -> Path:
    """Return the root of the repository: where .git is; without one where the command runs, if that is above."""
    for one in (folder, *folder.parents):
        if (one / ".git").exists():
            return one
    try:
        here = Path.cwd().resolve()
    except OSError:
        return folder
    return here if folder.is_relative_to(here) else folder


def _from(root: Path, file: Path) -> str:
    return Path(os.path.relpath(file, root)).as_posix()


def _lines_of_program(main: Path, names: Collection[str]) -> Iterator[tuple[str, Path, int]]:
    """Find names in the main file, then in the other files of the program, in the order of their paths."""
    for file in islice(_files(main), _MOST_FILES):
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args and _is_class(node.func))
        for call in sorted(calls, key=lambda node: node.lineno):
            name = call.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value in names:
                yield name.value, file, call.lineno


def _files(main: Path) -> Iterator[Path]:
    yield main
    for folder, folders, files in os.walk(main.parent):
        # A virtual environment, a folder of a tool, a cache: no part of the program.
        folders[:] = sorted(
            one for one in folders if not one.startswith((".", "__")) and not Path(folder, one, "pyvenv.cfg").exists()
        )
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".py") and Path(folder, name) != main)


def _is_class(called: ast.expr) -> bool:
    """Whether what is called has a name as classes have; an alias tells an old name."""
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name[:1].isupper() and name != "Alias"


def _lines_of_estate(file: Path, names: Collection[str]) -> Iterator[tuple[str, Path, int]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return
    line, end = 1, 0
    for match in _NAME.finditer(text):
        line, end = line + text.count("\n", end, match.start()), match.start()
        try:
            name = json.loads(match[1])
        except ValueError:
            continue
        if name in names:
            yield name, file, line
