"""The parameters of one call, read by name and type.

Decides what is a well-formed value; never what the service allows with it. Unknown parameters are accepted and never
read, as the gateway does. Reference section 8.1: booleans arrive as True/False, integers as decimal text, lists as
`Name.1`, `Name.2`, and an empty string is `Name=`.
"""

import re
from collections.abc import Collection, Mapping

from pulumi_cloudbackup.emulator.refusals import invalid_parameter, missing_parameter

GATEWAY_PARAMETERS = frozenset(
    {
        "Action",
        "Version",
        "Format",
        "Timestamp",
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureVersion",
        "SignatureType",
        "SecurityToken",
        "BearerToken",
    }
)
"""What belongs to the gateway and its signatures (section 8.3), never to an action."""

LARGEST_INT32 = 2**31 - 1
LARGEST_INT64 = 2**63 - 1
_BOOLEANS = {"True": True, "true": True, "False": False, "false": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBERED = re.compile(r"([A-Za-z]+)\.([1-9][0-9]{0,4})(?:\.([A-Za-z]+))?")


class Parameters:
    """All parameters of a call, wherever they were carried."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Take the decoded values by name."""
        self._values = dict(values)

    def text(self, name: str) -> str | None:
        """Return the value, or None when the parameter was not sent; an empty string is a value."""
        return self._values.get(name)

    def filter(self, name: str) -> str | None:
        """Return the value of a search filter, None when it is absent or empty (assumed: an empty filter is none)."""
        return self._values.get(name) or None

    def required(self, name: str) -> str:
        """Return the value of a parameter that must be there and not empty."""
        value = self._values.get(name)
        if not value:
            raise missing_parameter(name)
        return value

    def boolean(self, name: str) -> bool | None:
        """Return a boolean, None when it was not sent."""
        value = self._values.get(name)
        if value is None:
            return None
        if value not in _BOOLEANS:
            raise invalid_parameter(name, "It is a boolean, true or false.")
        return _BOOLEANS[value]

    def integer(self, name: str, lowest: int, highest: int) -> int | None:
        """Return an integer within both bounds, None when it was not sent or is empty."""
        value = self._values.get(name)
        if not value:
            return None
        if not _INTEGER.fullmatch(value) or not lowest <= int(value) <= highest:
            raise invalid_parameter(name, f"It is an integer from {lowest} to {highest}.")
        return int(value)

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return one of the allowed words, None when it was not sent."""
        value = self._values.get(name)
        if value is None:
            return None
        if value not in allowed:
            raise invalid_parameter(name, f"It is one of {', '.join(sorted(allowed))}.")
        return value

    def numbered(self, name: str) -> list[str]:
        """Return the values of `name.1`, `name.2`, … in the order of their numbers."""
        found = []
        for key, value in self._values.items():
            match = _NUMBERED.fullmatch(key)
            if match and match.group(1) == name and match.group(3) is None:
                found.append((int(match.group(2)), value))
        return [value for _, value in sorted(found)]

    def tags(self) -> list[tuple[str, str | None]]:
        """Return the pairs of `Tag.N.Key` and `Tag.N.Value` in the order of N; a value may be absent."""
        keys: dict[int, str] = {}
        values: dict[int, str] = {}
        for name, value in self._values.items():
            match = _NUMBERED.fullmatch(name)
            if match and match.group(1) == "Tag":
                if match.group(3) == "Key":
                    keys[int(match.group(2))] = value
                elif match.group(3) == "Value":
                    values[int(match.group(2))] = value
        for number in sorted(set(values) - set(keys)):
            raise missing_parameter(f"Tag.{number}.Key")
        return [(keys[number], values.get(number)) for number in sorted(keys)]

    def without_gateway(self) -> dict[str, str]:
        """Return what may be shown to anybody: no signatures, keys, tokens or other words of the gateway."""
        return {name: value for name, value in sorted(self._values.items()) if name not in GATEWAY_PARAMETERS}
