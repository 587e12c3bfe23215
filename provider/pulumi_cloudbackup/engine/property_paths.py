"""Paths to properties as ``ignore_changes`` and ``replace_on_changes`` have them: ``tags["a"]``, ``rules[0]``, ``*``.

Follows ``resource.PropertyPath`` of the engine (sdk/go/common/resource/properties_path.go, v3.259.0), which is loose
in what it reads, and goes through secrets as if there were none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pulumi_cloudbackup.engine.values import Secret, inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Path: TypeAlias = tuple[str | int, ...]
"""Keys of objects and places in lists; ``*`` stands for all of either."""
ALL: Final = "*"
_PART: Final = re.compile(r'\["((?:\\"|[^"])*)"\]|\[(\*|[+-]?[0-9]+)\]|\.(?!$)|([^.\[]+)')
"""A quoted key, a place or all of them, a dot that does not end the path, or a bare key."""


def path_of(text: str) -> Path | None:
    """Read a path; ``None``: it is none."""
    found: list[str | int] = []
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or (position == 0 and part[0] == "."):
            return None
        quoted, place, bare = part.groups()
        if quoted is not None:
            found.append(quoted.replace('\\"', '"'))
        elif place is not None:
            found.append(ALL if place == ALL else int(place))
        elif bare is not None:
            found.append(bare)
        position = part.end()
    return tuple(found)


def paths_of(texts: Iterable[str]) -> list[Path]:
    """Read paths; what is none is left out."""
    return [path for text in texts if (path := path_of(text)) is not None]


def covers(path: Path, other: Path) -> bool:
    """Whether a path names another one, or something that it lies in."""
    return len(path) <= len(other) and all(one in (ALL, place) for one, place in zip(path, other, strict=False))


def with_ignored(
    news: Mapping[str, Any], olds: Mapping[str, Any], paths: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return new inputs with the old values of what is ignored, and the paths that cannot be (processIgnoreChanges)."""
    read = [(text, path_of(text)) for text in paths]
    if not read:
        return dict(news), []
    inputs: dict[str, Any] = _copied(news)
    return inputs, [text for text, path in read if path is not None and not _reset(path, olds, inputs)]


def changed_paths(olds: Any, news: Any, above: Path = ()) -> Iterator[Path]:
    """Yield where two values differ, as deep as both are of one kind (NewDetailedDiffFromObjectDiff)."""
    if olds == news:
        return
    if isinstance(olds, dict) and isinstance(news, dict):
        for key in olds.keys() | news.keys():
            yield from changed_paths(olds.get(key), news.get(key), (*above, key))
    elif isinstance(olds, list) and isinstance(news, list):
        for place in range(max(len(olds), len(news))):
            here = (*above, place)
            if place < min(len(olds), len(news)):
                yield from changed_paths(olds[place], news[place], here)
            else:
                yield here
    else:
        yield above


def _copied(value: Any) -> Any:
    """Return a value whose objects and lists can be changed."""
    return Secret(_copied(value.value)) if isinstance(value, Secret) else inside(_copied, value)


def _reset(path: Path, old: Any, new: Any, *, hides: bool = False) -> bool:
    """Set what a path names to what it was; whether it could be.

    ``hides``: the old value lies in a secret, and the new one does not.
    """
    if not path:
        return False
    old, was_secret = _opened(old)
    new, is_secret = _opened(new)
    hides = (hides or was_secret) and not is_secret
    first, rest = path[0], path[1:]
    if first == ALL:
        return _reset_below(rest, old, new, hides=hides) if rest else _reset_all(old, new, hides=hides)
    if isinstance(first, int):
        return _reset_place(first, rest, old, new, hides=hides)
    return _reset_key(first, rest, old, new, hides=hides)


def _reset_all(old: Any, new: Any, *, hides: bool) -> bool:
    """Set everything in an object or a list; a list keeps its length."""
    match new:
        case dict():
            if isinstance(old, dict):
                new.clear()
                new.update({key: _hidden(item, hides=hides) for key, item in old.items()})
            return True
        case list():
            if not isinstance(old, list):
                return True
            new[: len(old)] = [_hidden(item, hides=hides) for item in old[: len(new)]]
            return len(old) == len(new)
        case _:
            return False


def _reset_below(rest: Path, old: Any, new: Any, *, hides: bool) -> bool:
    """Go on in everything that an object or a list has."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and _reset(rest, item, new[key], hides=hides) for key, item in old.items())
    if isinstance(old, list) and isinstance(new, list):
        both = zip(old, new, strict=False)
        return all(_reset(rest, before, after, hides=hides) for before, after in both) and len(old) == len(new)
    return False


def _reset_place(place: int, rest: Path, old: Any, new: Any, *, hides: bool) -> bool:
    """Set or go on in one place of a list; none is added or removed."""
    if place < 0:
        return False
    if not isinstance(old, list) or not isinstance(new, list):
        return not isinstance(old, list) and not isinstance(new, list)
    there = place < len(old), place < len(new)
    if not all(there):
        return not any(there) and not rest
    if rest:
        return _reset(rest, old[place], new[place], hides=hides)
    new[place] = _hidden(old[place], hides=hides)
    return True


def _reset_key(key: str, rest: Path, old: Any, new: Any, *, hides: bool) -> bool:
    """Set or go on in one key of an object; what was not there goes."""
    if not rest:
        if not isinstance(old, dict) or key not in old:
            if isinstance(new, dict):
                new.pop(key, None)
            return True
        if not isinstance(new, dict):
            return False
        new[key] = _hidden(old[key], hides=hides)
        return True
    if not isinstance(old, dict) or not isinstance(new, dict):
        return not isinstance(old, dict) and not isinstance(new, dict)
    if key not in new:
        return key not in old
    return _reset(rest, old.get(key), new[key], hides=hides)


def _hidden(value: Any, *, hides: bool) -> Any:
    return Secret(_copied(value)) if hides else _copied(value)


def _opened(value: Any) -> tuple[Any, bool]:
    """Return a value without the secrets around it, and whether there were any."""
    is_secret = isinstance(value, Secret)
    while isinstance(value, Secret):
        value = value.value
    return value, is_secret
