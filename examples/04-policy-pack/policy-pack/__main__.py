"""The policy pack: the policies beside it, and the rule book of pulumi-cloudbackup."""

import our_policies

from pulumi_cloudbackup.policy_pack import policy_pack

policy_pack(our_policies, name="our-backups")
