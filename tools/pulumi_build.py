"""Build the Pulumi CLI from Go modules, for machines that reach module and package registries only.

Decides the recipe: which modules (pinned and checked against the `go.sum` files in `gomod/`), which flags, which
scripts lie beside the two programs. Must not decide where the result goes or whether it is any good.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from steps import SetupError, is_writable, last_line, read, run, step

if TYPE_CHECKING:
    from collections.abc import Mapping

GOMOD = Path(__file__).resolve().parent / "gomod"

ENGINE_MODULE = "github.com/pulumi/pulumi/pkg/v3"
SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
PROGRAMS = {
    "pulumi": ("cli", f"{ENGINE_MODULE}/cmd/pulumi"),
    "pulumi-language-python": ("language-python", f"{SDK_MODULE}/python/cmd/pulumi-language-python"),
}
"""Program: the folder of `gomod/` that pins it, and its package. The language host is of an older release of the SDK
module, the last one that has it; its one limit is that it ignores the `virtualenv` option of Pulumi.yaml."""
SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
"""What the language host starts, from the SDK module of the engine's own version."""
BUILD_SETTINGS = ("CGO_ENABLED", "GO111MODULE", "GOARCH", "GOEXPERIMENT", "GOFIPS140", "GOFLAGS", "GOOS", "GOWORK")
"""Variables of a person's own Go work that would make this another build."""

SETTINGS = ("GOVERSION", "GOTOOLCHAIN", "GOHOSTOS", "GOHOSTARCH", "GOMODCACHE", "GOCACHE")
"""What has to be known of a person's Go. Only these: Go may fail to tell the others when a home cannot be written."""


@functools.cache
def version() -> str:
    """Return the version that is built, such as `v3.259.0`: the one that go.mod pins."""
    return _pinned("cli", rf"{re.escape(ENGINE_MODULE)} (v\S+)")


@functools.cache
def needed_go() -> str:
    """Return the oldest Go that can build it, such as `1.25.11`."""
    return max((_pinned(folder, r"^go (\S+)") for folder, _ in PROGRAMS.values()), key=_numbers)


def _pinned(folder: str, pattern: str) -> str:
    match = re.search(pattern, (GOMOD / folder / "go.mod").read_text("utf-8"), re.MULTILINE)
    if match is None:
        raise AssertionError(f"gomod/{folder}/go.mod names no {pattern}")
    return match.group(1)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _flags() -> list[str]:
    name = f"{SDK_MODULE}/go/common/version.Version"
    return ["-trimpath", "-tags", "osusergo,grpcnotrace", "-ldflags", f"-s -w -X {name}={version()}"]


@functools.cache
def recipe_hash() -> str:
    """Return a short hash of everything that decides what is built."""
    digest = hashlib.sha256(json.dumps([PROGRAMS, SCRIPTS, _flags()]).encode())
    for folder, _ in PROGRAMS.values():
        for name in ("go.mod", "go.sum"):
            digest.update((GOMOD / folder / name).read_bytes())
    return digest.hexdigest()[:12]


def build(bin_dir: Path, scratch: Path, caches: Path, environment: Mapping[str, str]) -> None:
    """Build everything into `bin_dir`; SetupError says why it cannot be done.

    `caches` holds Go's caches if its own places cannot be written.
    """
    go = shutil.which("go", path=environment.get("PATH", os.defpath))
    if go is None:
        raise SetupError("there is no `go` on PATH")
    settings = _settings(go, environment)
    _require_recent(go, settings)
    env = _hermetic(settings, scratch, caches, environment)
    bin_dir.mkdir(parents=True)
    with step(f"Building the Pulumi CLI {version()} from Go modules (about 5 minutes on 2 cores the first time)"):
        sdk = _download(go, env, scratch / "download.log")
        for script in SCRIPTS:
            place = bin_dir / Path(script).name
            shutil.copyfile(sdk / script, place)
            place.chmod(0o755)
        for program, (folder, package) in PROGRAMS.items():
            log = scratch / f"{program}.log"
            command = [go, "build", "-v", "-mod=readonly", "-o", str(bin_dir / program), *_flags(), package]
            if run(command, log=log, environment=env, directory=GOMOD / folder, progress=_progress):
                raise SetupError(f"{program}: {last_line(log)}")


def _settings(go: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the person's Go; empty if it is too old to tell."""
    answer = subprocess.run(
        [go, "env", "-json", *SETTINGS],
        cwd="/",  # no go.mod here may have a say
        env=_without_build_settings(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return dict(json.loads(answer.stdout))
    except ValueError:
        return {}


def _require_recent(go: str, settings: Mapping[str, str]) -> None:
    """Raise SetupError for a Go that is not able to build; a newer toolchain that Go itself can fetch counts."""
    found = settings.get("GOVERSION", "")
    fetches = _numbers(found) >= (1, 21) and settings.get("GOTOOLCHAIN") not in ("local", "path")
    if _numbers(found) < _numbers(needed_go()) and not fetches:
        raise SetupError(f"{go} is {found or 'of an unknown version'}; go{needed_go()} or newer is needed")


def _without_build_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in BUILD_SETTINGS}


def _hermetic(
    settings: Mapping[str, str], scratch: Path, caches: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the build: the person's, less what would make the build another one."""
    env = _without_build_settings(environment)
    env |= {"CGO_ENABLED": "0", "GOWORK": "off", "GOTMPDIR": str(scratch)}
    env |= {"GOOS": settings.get("GOHOSTOS", ""), "GOARCH": settings.get("GOHOSTARCH", "")}
    flags = ["-buildvcs=false"]  # never empty: that would let the flags of `go env -w` in
    places = {name: settings.get(name, "") for name in ("GOMODCACHE", "GOCACHE")}
    if not all(Path(place).is_absolute() and is_writable(Path(place)) for place in places.values()):
        env |= {name: str(caches / name.lower()) for name in places}
        flags.append("-modcacherw")
    env["GOFLAGS"] = " ".join(flags)
    return env


def _download(go: str, environment: Mapping[str, str], log: Path) -> Path:
    """Download the SDK module, checked against go.sum, and return its folder."""
    command = [go, "mod", "download", "-json", SDK_MODULE]
    code = run(command, log=log, environment=environment, directory=GOMOD / "cli", progress=lambda _: "downloading")
    text = read(log)
    folder = re.search(r'"Dir": ("[^"]+")', text)
    if code or folder is None:
        reason = re.search(r'"Error": (".*")', text)
        raise SetupError(json.loads(reason.group(1)) if reason else last_line(log))
    return Path(json.loads(folder.group(1)))


def _progress(log: str) -> str:
    """Say how far a build is, from what `go build -v` has printed."""
    lines = log.splitlines()
    downloads = sum(line.startswith("go: downloading") for line in lines)
    packages = [line for line in lines if line and not line.startswith("go: ")]
    if not packages:
        return f"downloading modules, {downloads} so far"
    return f"{downloads} modules downloaded, {len(packages)} packages compiled"


def remove(path: Path) -> None:
    """Remove a file or a folder, also one with read-only folders in it, as Go's caches have; missing is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)
