"""A local Cloud Backup service that speaks the real wire protocol (HBR OpenAPI 2017-09-08, RPC over HTTP).

Written from the API reference alone: no other part of this package is imported, and none of its rules. What is not
implemented is refused with `Emulator.NotImplemented`: policies, bindings, plans, jobs, restores, clients, and the
two-step model's CreateVaultReplication and DeleteVaultReplication.

Decided where the reference leaves it open, mostly for the stricter reading, so that what passes here is safe there:

- Mirrors count among the vaults of an account; failed and still listed vaults count too.
- A mirror without EncryptType is HBR_PRIVATE and never inherits; a key beside HBR_PRIVATE is dropped.
- A mirror occupies its source from the accepted call on, until it is no longer listed; one that failed does not.
- CreateVault sent to another region than VaultRegionId is refused; DescribeVaults there lists nothing.
- Without any region DescribeVaults lists all regions of the account.
- Deleting a vault that is being deleted is fine; changing or mirroring it is refused.
- WORM switched on at a source is on at its mirror too; a replicating mirror is not locked on its own.
- PageSize is at most 99 and deprecated storage classes are refused.

Not simulated: backups (SnapshotCount and sizes change only by the control surface), WORM retention running out,
RAM permissions, other accounts' shared vaults, the service's rate limits (order the fault `throttle` instead).
"""

from pulumi_cloudbackup.emulator.app import create_app
from pulumi_cloudbackup.emulator.database import StateError
from pulumi_cloudbackup.emulator.server import Emulator
from pulumi_cloudbackup.emulator.settings import Settings

__all__ = ["Emulator", "Settings", "StateError", "create_app"]
