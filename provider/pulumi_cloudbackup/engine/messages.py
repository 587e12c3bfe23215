"""What a program says with ``pulumi.log``: collected, and passed on as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pulumi.runtime.proto import engine_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS: Final = {engine_pb2.INFO: "info", engine_pb2.WARNING: "warning", engine_pb2.ERROR: "error"}


class Messages:
    """What the SDK takes for the engine; the methods in capitals are its protocol."""

    def __init__(
        self, tell: Callable[[str], None], note: Callable[[str, str], None] = lambda _severity, _text: None
    ) -> None:
        """Start with nothing said.

        ``tell`` is given each message as a line, debug messages excepted; ``note`` its severity and its text.
        """
        self._tell, self._note = tell, note
        self._errors: list[str] = []

    @property
    def errors(self) -> tuple[str, ...]:
        """Messages of severity error: a preview with any of them fails."""
        return tuple(self._errors)

    def Log(self, request: engine_pb2.LogRequest) -> None:  # noqa: N802 - the protocol's name
        """Take a message."""
        if request.severity == engine_pb2.ERROR:
            self._errors.append(request.message)
        word = _WORDS.get(request.severity)
        if word is not None and not request.ephemeral:
            self._tell(f"{word}: {request.message}")
            self._note(word, request.message)

    def RequirePulumiVersion(self, _request: Any) -> None:  # noqa: N802 - the protocol's name
        """Accept any demand on the version of the CLI, which is not there to be asked."""
