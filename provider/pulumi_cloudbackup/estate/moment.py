"""Moments and days in their ISO 8601 form, as estates and waivers write them, and lengths of time in words.

Decides which texts are dates. Has no clock: what day it is, is always an argument.
"""

from __future__ import annotations

import re
from typing import Final

_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(?:[Zz]|([+-])(\d{2}):?(\d{2}))?)?",
    re.ASCII,
)
_MONTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HOUR: Final = 60
_DAY_OF_HOURS: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY_OF_HOURS
_HOURS, _MINUTES, _SECONDS = 23, 59, 60


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar as ``YYYY-MM-DD``; such texts sort like the days they name."""
    return _days(text) is not None


def unix_seconds(text: str) -> int | None:
    """Return the UNIX seconds of a moment, UTC where it names no offset; ``None``: it is no moment."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    day, hour, minute, second, sign, offset_hour, offset_minute = found.groups()
    days = _days(day)
    if days is None or int(hour or 0) > _HOURS or int(minute or 0) > _MINUTES or int(second or 0) > _SECONDS:
        return None
    offset = int(offset_hour or 0) * 3600 + int(offset_minute or 0) * 60
    return (
        days * 86400 + int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0) - int(f"{sign or ''}{offset}")
    )


def duration(minutes: int) -> str:
    """Return a number of minutes in words: the two largest units that it has, of years of 365 days."""
    years, rest = divmod(minutes, _YEAR)
    days, rest = divmod(rest, _DAY_OF_HOURS)
    parts = ((years, "y"), (days, "d"), (rest // _HOUR, "h"), (rest % _HOUR, "min"))
    told = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(told[:2]) or "0 min"


def _days(text: str) -> int | None:
    """Return the days since 1970-01-01 in the Gregorian calendar."""
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    if year == 0 or not 1 <= month <= len(_MONTHS):
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _MONTHS[month - 1] + (leap and month == 2):  # noqa: PLR2004 - February
        return None
    before = year - 1
    elapsed = before * 365 + before // 4 - before // 100 + before // 400
    after_february = leap and month > 2  # noqa: PLR2004 - February
    return elapsed + sum(_MONTHS[: month - 1]) + after_february + day - 1 - 719162
