"""Declare disaster recovery for Alibaba Cloud Backup with Pulumi: vaults and cross-region mirror vaults.

The public names are loaded when they are first used, so that the command line does not pay for Pulumi's own import.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulumi_cloudbackup.resources import ExistingVault, MirrorVault, Vault

__all__ = ["ExistingVault", "MirrorVault", "Vault"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pulumi_cloudbackup import resources  # noqa: PLC0415 - the point of this function
    from pulumi_cloudbackup.resources.program import watch  # noqa: PLC0415 - as above

    watch()
    return getattr(resources, name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted((*globals(), *__all__))
