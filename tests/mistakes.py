"""docs/mistakes.md, run: each program is previewed by the real engine, and what it prints is what stands below it.

python tests/mistakes.py --write        writes the texts anew
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from engine_harness import Project, Service  # noqa: E402 - found through the path set above
from pulumi_cloudbackup.emulator import Emulator, Settings  # noqa: E402 - as above

PAGE = HERE.parent / "docs" / "mistakes.md"
_SECTION = re.compile(r"^## (.+?)\n\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"(?:^([^\n]+:)\n\n)?^```(python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_BACKUPS = re.compile(r"(\d+) backups were made into `(.+?)`")


@dataclass(frozen=True)
class Mistake:
    """One section of the page."""

    title: str
    deployed: str
    """A program that is deployed before; empty: none."""
    by_another_stack: bool
    backups: tuple[str, int] | None
    """The vault that backups were made into since, and how many."""
    program: str
    said: str
    """What the preview says."""


def mistakes(page: str) -> list[Mistake]:
    """Return the sections of the page."""
    found = []
    for title, body in _SECTION.findall(page):
        blocks = _BLOCK.findall(body)
        (said,) = [text for _, kind, text in blocks if kind == "text"]
        programs = [(words, text) for words, kind, text in blocks if kind == "python"]
        before, deployed = programs[0] if len(programs) > 1 else ("", "")
        backups = _BACKUPS.search(before)
        found.append(
            Mistake(
                title,
                deployed,
                "another stack" in before,
                (backups[2], int(backups[1])) if backups else None,
                programs[-1][1],
                said,
            )
        )
    return found


def said_by(mistake: Mistake, project: Project, service: Service) -> str:
    """Preview a mistake and return what the preview says about it; ids are numbered in the order of creation."""
    other = Project(project.folder.parent / "other", service, name="billing", stack="prod")
    if mistake.deployed:
        (other if mistake.by_another_stack else project).program(mistake.deployed).up().ok()
    if mistake.backups:
        service.patch(mistake.backups[0], SnapshotCount=mistake.backups[1])
    ids = sorted(service.vaults().values(), key=lambda vault: (vault["CreatedTime"], bool(vault["Replication"])))
    numbered = {vault["VaultId"]: f"v-{number:04}" for number, vault in enumerate(ids, 1)}
    program = mistake.program
    for id_, number in numbered.items():
        program = program.replace(number, id_)
    preview = project.program(program).run("preview")
    assert preview.code != 0, preview.output
    output = preview.output.partition("Diagnostics:")[2]
    for id_, number in numbered.items():
        output = output.replace(id_, number)
    lines = output.partition("error: ")[2].partition("error: an unhandled")[0].splitlines()
    indented = [f"  {line.strip()}" if line.strip().startswith("CB") else line.strip() for line in lines]
    return "\n".join(indented).rstrip() + "\n"


def page_with(said: dict[str, str], page: str) -> str:
    """Return the page with other texts."""

    def written(section: re.Match[str]) -> str:
        text = re.sub(
            r"^```text\n.*?^```",
            lambda _: f"```text\n{said[section[1]]}```",
            section[2],
            flags=re.MULTILINE | re.DOTALL,
        )
        return f"## {section[1]}\n\n{text}"

    return _SECTION.sub(written, page)


def main() -> None:
    """Write the page."""
    page, said = PAGE.read_text(), {}
    with Emulator(Settings(initializing_seconds=0.0)) as emulator:
        for mistake in mistakes(page):
            with tempfile.TemporaryDirectory() as folder:
                service = Service(emulator.url)
                service.reset()
                said[mistake.title] = said_by(mistake, Project(Path(folder), service), service)
    PAGE.write_text(page_with(said, page))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    main()
