"""YAML as the Pulumi CLI reads it, and its configuration values as a program is given them.

The CLI reads YAML 1.2 (go-yaml v3), where ``on`` and ``yes`` are words; PyYAML by itself would make them truth values.
What comes out here was compared with the CLI 3.259.0, value by value (tests/offline/test_documents.py).
"""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any, Final

import yaml  # type: ignore[import-untyped] # PyYAML, which Pulumi's SDK brings, has no types of its own

_INTEGER: Final = re.compile(
    r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$"  # decimal, or with its base, underlines allowed
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.nan$")
_TIMESTAMP: Final = yaml.constructor.SafeConstructor.timestamp_regexp
_DEEPEST: Final = 100
_LARGEST_INTEGER: Final = 2**64
_PLAIN_FROM, _PLAIN_TO = 1e-6, 1e21
"""Between these, Go writes a float without an exponent."""


class DocumentError(Exception):
    """A text is not YAML, or not what is expected of it; the message says where."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # untyped, as above
    """Scalars as in YAML 1.2; resolvers and constructors are registered below."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


def read(text: str) -> Any:
    """Return what a text holds: dictionaries, lists, text, numbers, truth values, dates and ``None``."""
    try:
        _refuse_abysses(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise DocumentError(f"{place}{error.problem or error.context or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        raise DocumentError(" ".join(str(error).split())) from None


def _refuse_abysses(text: str) -> None:
    """Refuse what is nested without end, or nearly so: building it would need more stack than there is."""
    open_anchors: list[str | None] = []
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            open_anchors.pop()
        elif isinstance(event, yaml.AliasEvent) and event.anchor in open_anchors:
            raise DocumentError(f"line {event.start_mark.line + 1}: the value of *{event.anchor} contains itself")
        if len(open_anchors) > _DEEPEST:
            raise DocumentError(f"line {event.start_mark.line + 1}: nested more than {_DEEPEST} times")


def as_configuration(value: Any) -> str:
    """Return a configuration value as a program is given it: text as it is, everything else as JSON."""
    if value is None:
        return ""
    plain = _jsonable(value)
    if isinstance(plain, str):
        return plain
    return _json(plain)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, (dt.date, dt.datetime)):
        return _moment(value)
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    raise DocumentError(f"{type(value).__name__} cannot be a configuration value")


def _key(key: Any) -> str:
    return key if isinstance(key, str) else as_configuration(key)


def _json(value: Any) -> str:
    """Write JSON as Go does: keys sorted, no blanks, numbers in Go's words."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(key)}:{_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(item) for item in value) + "]"
    if isinstance(value, float) or (type(value) is int and abs(value) >= _LARGEST_INTEGER):
        return _number(float(value))
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - only NaN differs from itself
        raise DocumentError("a number that is infinite or none cannot be a configuration value")
    if value == 0:
        return "0"
    if _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def _moment(value: dt.date) -> str:
    """Write a date in the words of Go's ``time.Time.String``, which a program gets for an unquoted date."""
    if not isinstance(value, dt.datetime):
        return f"{value.isoformat()} 00:00:00 +0000 UTC"
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    offset = value.strftime("%z") or "+0000"
    return f"{value.strftime('%Y-%m-%d %H:%M:%S')}{fraction} {offset} {'UTC' if offset == '+0000' else offset}"


def _integer(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    digits = text.lstrip("+-")
    sign = -1 if text.startswith("-") else 1
    if digits[:2] in ("0b", "0o", "0x"):
        return sign * int(digits, 0)
    return sign * int(digits, 8 if len(digits) > 1 and digits.startswith("0") else 10)


def _float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


def _timestamp(loader: Any, node: Any) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return loader.construct_scalar(node)  # no day of the calendar: a text, as the CLI takes it


def _truth(loader: Any, node: Any) -> bool:
    return str(loader.construct_scalar(node)).lower() == "true"


for _tag, _pattern, _first in (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("timestamp", _TIMESTAMP, list("0123456789")),
    ("merge", re.compile(r"<<$"), ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:bool", _truth)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)
