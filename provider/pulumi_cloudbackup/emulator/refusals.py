"""The errors that a caller of the service gets, and what is known about their codes.

Every refusal is an exception that the gateway turns into an answer. A code that starts with `Emulator.` is the
emulator's own, because the code of the real service is not known (reference section 9). Texts are the emulator's own
too, except the gateway's, which follow https://developer.aliyun.com/ask/278265 and section 4.
"""

BAD_REQUEST = 400
NOT_FOUND = 404


class Refusal(Exception):  # noqa: N818 - it is an answer of the service, not an error of the emulator
    """One refused call: code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = BAD_REQUEST) -> None:
        """Take the answer's code, message and status."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def missing_parameter(name: str) -> Refusal:
    """Refuse a call that lacks a parameter (section 4, gateway errors)."""
    return Refusal(
        "MissingParameter",
        f'The input parameter "{name}" that is mandatory for processing this request is not supplied.',
    )


def invalid_parameter(name: str, reason: str) -> Refusal:
    """Refuse a wrong value (section 4, gateway errors); the reason is the emulator's."""
    return Refusal("InvalidParameter", f'The specified parameter "{name}" is not valid. {reason}')


def vault_not_found(vault_id: str, region_id: str | None) -> Refusal:
    """Refuse a call about a vault that is not there.

    The code is known for DescribeVaults only (section 4); clients that delete look for "NotFound" or HTTP 404.
    """
    place = f"in region {region_id}" if region_id else "in any region of this account"
    return Refusal(
        "InvalidResourceId.NotFound", f'The specified vault "{vault_id}" is not found {place}. {_WORDED}', NOT_FOUND
    )


def known(code: str, message: str) -> Refusal:
    """Refuse with a code that the service is known to use, in the emulator's words."""
    return Refusal(code, f"{message} {_WORDED}")


def own(name: str, message: str, status: int = BAD_REQUEST) -> Refusal:
    """Refuse with a code of the emulator's own, because the service's code is not known."""
    return Refusal(f"Emulator.{name}", f"{message} {_OWN}", status)


_WORDED = "(Worded by the emulator: the service's text is not documented.)"
_OWN = "(A code of the emulator: the service's own is not documented.)"
