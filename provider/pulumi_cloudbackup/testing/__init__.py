"""Previews for tests: of a project or a function, without the Pulumi CLI or on the real engine, with assertions.

    from pulumi_cloudbackup.testing import preview

    p = preview("stacks/retail-dr", stack="prod", state="exported.json")
    p.no_problems().no_data_loss().creates("orders", "orders-dr").nothing_else()

With pytest, the fixture ``cloudbackup_preview`` is the same function, on the engine that the command line chooses.
"""

from pulumi_cloudbackup.testing.preview import Preview
from pulumi_cloudbackup.testing.previewing import preview
from pulumi_cloudbackup.testing.wrongs import CannotBeOfferedError, PreviewFailedError, UsageError

__all__ = ["CannotBeOfferedError", "Preview", "PreviewFailedError", "UsageError", "preview"]
