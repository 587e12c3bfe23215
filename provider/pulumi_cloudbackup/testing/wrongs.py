"""What can be wrong with a preview in a test."""

from __future__ import annotations


class PreviewFailedError(AssertionError):
    """The program failed, or could not be previewed; the message names the line in it that is to blame, if known."""


class UsageError(TypeError):
    """A test asks for something that there is not; the message says what there is."""


class CannotBeOfferedError(Exception):
    """The real engine cannot be given what a test gives; the message says what, and why."""
