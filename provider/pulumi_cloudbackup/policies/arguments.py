"""What ready policies are made for, looked at before anything is judged: a wrong argument would make one content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulumi_cloudbackup.policies.policy import PolicyError


def texts(argument: str, given: object) -> frozenset[str]:
    """Return a collection of texts; raise PolicyError.

    A single text is refused: ``"orders" in "orders-dr"`` holds, so that it would leave out more than is meant.
    """
    if isinstance(given, str):
        raise PolicyError(f"{argument} is a list of texts, and not the text {given!r}: write [{given!r}].")
    if not isinstance(given, Iterable):
        raise PolicyError(f"{argument} is a list of texts, and no {type(given).__name__}.")
    found = tuple(given)
    for one in found:
        if not isinstance(one, str):
            raise PolicyError(f"{argument} is a list of texts, and {one!r} is none.")
    return frozenset(found)


def some_texts(argument: str, given: object) -> frozenset[str] | None:
    """Return a collection of texts, ``None`` where there is none; raise PolicyError."""
    return None if given is None else texts(argument, given)


def text_pairs(argument: str, given: object) -> frozenset[tuple[str, str]]:
    """Return pairs of texts; raise PolicyError."""
    if isinstance(given, (str, Mapping)) or not isinstance(given, Iterable):
        raise PolicyError(f"{argument} is a list of pairs, such as [('cn-hangzhou', 'cn-shanghai')].")
    found = set()
    for one in given:
        if not isinstance(one, (tuple, list)) or len(one) != 2 or not all(isinstance(part, str) for part in one):  # noqa: PLR2004 - a pair
            raise PolicyError(f"{argument} is a list of pairs of texts, and {one!r} is none.")
        found.add((one[0], one[1]))
    return frozenset(found)


def some_tags(given: object) -> Mapping[str, str] | None:
    """Return tags by key, ``None`` where there are none; raise PolicyError."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise PolicyError(f"tags is a dictionary such as {{'env': 'prod'}}, and no {type(given).__name__}.")
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise PolicyError(f"tags is a dictionary of texts, and {key!r}: {value!r} is none.")
    return dict(given)


def number(argument: str, given: object) -> float:
    """Return a number that is not negative; raise PolicyError."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not given >= 0:
        raise PolicyError(f"{argument} is a number of 0 or more, and not {given!r}.")
    return given


def of_tags(tags: Mapping[str, str] | None) -> str:
    """Return how a policy's sentence names the vaults that it is about."""
    return f" tagged {', '.join(f'{key}={value}' for key, value in tags.items())}" if tags else ""
