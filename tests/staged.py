"""docs/staged.md, run: each change is made by plain `pulumi up` with the checks off, and by `cloudbackup up`.

python tests/staged.py --write [TITLE]        writes the texts anew, all or those of one section
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from engine_harness import Run  # noqa: E402 - found through the path set above
from grounds import Did, Ground, Grounds, calls_of, cloudbackup  # noqa: E402 - as above
from late_answers import LateAnswers  # noqa: E402 - as above

PAGE = HERE.parent / "docs" / "staged.md"
WIDTH = 110
_SECTION = re.compile(r"^## (.+?)\n\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_DIFF = re.compile(r"^```diff\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TEXT = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
_BACKUPS = re.compile(r"(\d+) backups were made into `(.+?)`")
_LOST = re.compile(r"`([^`]+?)` was lost")
_LATE = re.compile(r"deletions? of (`.+?`) (?:is|are) late")
_OF_A_RESOURCE = re.compile(r"^ ?\S*(?:Vault|MirrorVault) \((.+?)\):\n((?: .+\n)+)", re.MULTILINE)
_REQUEST_ID = re.compile(r"\(?\(?request id [0-9A-F-]+\)")
_SHOWN = ("data loss:", "changes:", "stages:")


@dataclass(frozen=True)
class Staged:
    """One section of the page: a change, and what became of it."""

    title: str
    before: str
    """The program that is deployed."""
    after: str
    """The program that it is changed to."""
    backups: tuple[str, int] | None
    """The vault that backups were made into since, and how many."""
    lost: str
    """The vault that a disaster took since; empty: none."""
    late: tuple[str, ...]
    """The mirrors whose deletion the service answers late, while plain `pulumi up` runs."""
    said: tuple[str, ...]
    """The texts: of plain `pulumi up`, of `pulumi preview`, of `cloudbackup plan`, of `cloudbackup up`."""


@dataclass(frozen=True)
class Outcome:
    """What was done and said."""

    plain: Run
    preview: Run
    up: Did
    calls: list[str]
    """What the service saw of `cloudbackup up`."""
    mirrors: dict[str, str]
    """What `cloudbackup up` left behind."""
    again: Run
    """The next preview."""
    said: tuple[str, ...]


def sections(page: str) -> list[Staged]:
    """Return the sections of the page."""
    found = []
    for title, body in _SECTION.findall(page):
        (diff,) = _DIFF.findall(body)
        backups, lost, late = _BACKUPS.search(body), _LOST.search(body), _LATE.search(body)
        found.append(
            Staged(
                title,
                _side(diff, "-"),
                _side(diff, "+"),
                (backups[2], int(backups[1])) if backups else None,
                lost[1] if lost else "",
                tuple(re.findall("`(.+?)`", late[1])) if late else (),
                tuple(_TEXT.findall(body)),
            )
        )
    return found


def outcome_of(change: Staged, grounds: Grounds) -> Outcome:
    """Make a change in both ways, each in a stack of its own, and tell what happened."""
    with grounds.of(change.before) as ours, grounds.of(change.before) as theirs:
        names = {**theirs.names(), **ours.names()}
        for ground in (ours, theirs):
            _arrange(change, ground)
        with ThreadPoolExecutor(1) as pool:
            plainly = pool.submit(_plainly, change, theirs, names)
            project, since = ours.project, ours.service.last()
            preview = project.run("preview")
            up = cloudbackup(project, "up", "--yes")
            calls, mirrors = calls_of(ours, since, names), ours.mirrors(names)
            again = project.run("preview", "--expect-no-changes")
            plain, plain_mirrors = plainly.result()
        number = _numbering({**names, **ours.names(), **theirs.names()})
        shown = replace(up, out=number(up.out), err=number(up.err))
        said = (
            _of_plain(replace(plain, output=number(plain.output)), plain_mirrors),
            _of_preview(replace(preview, output=number(preview.output))),
            _of_plan(shown),
            _of_up(shown, mirrors),
        )
    return Outcome(plain, preview, up, calls, mirrors, again, said)


def page_with(said: dict[str, Sequence[str]], page: str) -> str:
    """Return the page with other texts, where there are any."""

    def written(section: re.Match[str]) -> str:
        texts = iter(said.get(section[1], ()))
        body = _TEXT.sub(lambda old: f"```text\n{next(texts, old[1])}```", section[2])
        return f"## {section[1]}\n\n{body}"

    return _SECTION.sub(written, page)


def _side(diff: str, sign: str) -> str:
    """Return one side of a difference: the lines without a sign, and those with this one."""
    return "".join(f"{line[1:]}\n" for line in diff.splitlines() if line[:1] in ("", " ", sign))


def _arrange(change: Staged, ground: Ground) -> None:
    ids = {name: id_ for id_, name in ground.names().items()}
    vaults = ground.service.vaults()
    if change.backups:
        name, count = change.backups
        copies = [id_ for id_, one in vaults.items() if one.get("ReplicationSourceVaultId") == ids[name]]
        for id_ in (ids[name], *copies):
            ground.service.patch_id(id_, SnapshotCount=count)
    if change.lost:
        ground.service.lose_id(ids[change.lost])
    ground.project.program(change.after)


def _plainly(change: Staged, ground: Ground, names: dict[str, str]) -> tuple[Run, dict[str, str]]:
    """Run `pulumi up` with the checks off; late deletions happen once something has failed."""
    project = ground.project
    ids = {name: id_ for id_, name in names.items()}
    project.config("cloudbackup:enforce", "false").ok()
    since = ground.service.last()
    with LateAnswers(ground.service.url, *(ids[name] for name in change.late)) as way:
        up = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color", "never"]
        lines = []
        with subprocess.Popen(
            [*up, "--cwd", str(project.folder), "--stack", project.stack],
            env={**project.env, "CLOUDBACKUP_ENDPOINT": way.url} if change.late else project.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if "failed**" in line:
                    way.let_go()
    output = re.sub(" +", " ", "".join(lines))
    return Run(process.returncode, output, calls_of(ground, since, names)), ground.mirrors(names)


def _numbering(names: dict[str, str]) -> Callable[[str], str]:
    """Return what replaces ids, which differ from run to run, by the names of their resources."""

    def number(text: str) -> str:
        for id_, name in names.items():
            text = text.replace(id_, f"v-{name}")
        return _REQUEST_ID.sub("(request id …)", text)

    return number


def _of_plain(run: Run, mirrors: dict[str, str]) -> str:
    failures = sorted(set(_OF_A_RESOURCE.findall(run.output.partition("Diagnostics:")[2])))
    told = [_wrapped(f"failed: {name}: {_message(said)}") for name, said in failures if "error:" in said]
    assert bool(told) == (run.code != 0), run.output
    calls: list[str] = []
    for _, alike in groupby(run.calls, key=lambda call: call.split()[0]):
        calls += sorted(alike)  # what happens at the same time has no order
    return "\n".join([*(calls or ["no call that changes anything"]), *told, *_afterwards(mirrors)]) + "\n"


def _message(said: str) -> str:
    lines = [line.strip().removeprefix("error: ") for line in said.splitlines()]
    return " ".join(line if line.endswith((".", ":")) else f"{line}." for line in lines if line)


def _of_preview(run: Run) -> str:
    if run.code == 0:
        counts = run.output.partition("Resources:")[2].split("\n\n")[0].splitlines()
        return f"no problem: {', '.join(line.strip() for line in counts if line.strip())}\n"
    output = run.output.partition("Diagnostics:")[2]
    lines = output.partition("error: ")[2].partition("error: an unhandled")[0].splitlines()
    told = [line.strip() for line in lines if line.strip()]
    return "\n".join(_wrapped(f"  {line}" if line.startswith("CB") else line) for line in told) + "\n"


def _of_plan(up: Did) -> str:
    parts = up.out.rstrip("\n").split("\n\n")
    shown: list[str] = []
    is_shown = False
    for part in parts[:-1]:
        if part[:1] != " ":
            is_shown = part.startswith(_SHOWN)
        shown += [part] if is_shown else []
    return "\n\n".join([*shown, parts[-1].splitlines()[-1]]) + "\n"


def _of_up(up: Did, mirrors: dict[str, str]) -> str:
    lines = [line.removeprefix("cloudbackup: up: ") for line in up.err.splitlines()]
    told = [_wrapped(line) for line in lines if line != "previewing"]
    return "\n".join([*told, *_afterwards(mirrors)]) + "\n"


def _afterwards(mirrors: dict[str, str]) -> list[str]:
    return [f"afterwards: {name} {place}" for name, place in mirrors.items()] or ["afterwards: no mirror vault"]


def _wrapped(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(line, WIDTH, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False)


def main(titles: Sequence[str]) -> None:
    """Write the page."""
    with Grounds() as grounds:
        for change in sections(PAGE.read_text()):
            if not titles or change.title in titles:
                said = outcome_of(change, grounds).said
                PAGE.write_text(page_with({change.title: said}, PAGE.read_text()))


if __name__ == "__main__":
    if sys.argv[1:2] != ["--write"]:
        raise SystemExit(__doc__)
    main(sys.argv[2:])
