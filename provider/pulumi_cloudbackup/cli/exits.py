"""Exit codes, the same in every subcommand (design, "Command line"), and the error that becomes one line."""

FINE = 0
"""All is well."""

FAILED = 1
"""The tool or the world failed, or the arguments were wrong."""

CHANGES_PENDING = 2
"""There are changes to make; only when that was asked for."""

PROBLEMS = 3
"""There are problems of severity error."""

ONLY_ORDER = 4
"""All errors are hazards of order for which there are safe stages."""


class CommandError(Exception):
    """A subcommand cannot go on; the exit code is FAILED.

    The message is one line for a person. Where a user's program is the reason, more lines say where and what to do.
    """
