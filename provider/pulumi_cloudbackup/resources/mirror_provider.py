"""The dynamic provider of mirrors. Its module path is in every state: a contract for ever (pulumi-engine.md 3)."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from pulumi_cloudbackup.planning.comparing import known_or, mirror_difference
from pulumi_cloudbackup.resources import providing
from pulumi_cloudbackup.resources.checking import checked_mirror
from pulumi_cloudbackup.resources.holding import is_parked, parked_difference, refuse_parked_source
from pulumi_cloudbackup.resources.mirror_lifecycle import NO_MIRROR, MirrorLifecycle
from pulumi_cloudbackup.resources.refusal import refusing
from pulumi_cloudbackup.resources.wire import from_engine


class MirrorVaultProvider(ResourceProvider):
    """Short calls into the rules and the mirror's lifecycle; holds nothing, so that it is pickled by reference."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration once per host process."""
        providing.configure(req)

    @refusing
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Return complete inputs and the problems of this resource."""
        return providing.check_result(checked_mirror(providing.session(), from_engine(_olds), from_engine(news)))

    @refusing
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare old outputs with new inputs; refuse a replacement that would lose the last copy."""
        before, after = from_engine(_olds), from_engine(_news)
        if is_parked(before):
            return providing.diff_result(parked_difference(before, after, NO_MIRROR), create_first=False)
        refuse_parked_source(after)
        difference = providing.same_account_or_replace(_id, before, after, mirror_difference(before, after))
        if difference.replaces:
            if known := known_or(difference.replaces, after, "source_vault_id"):
                lifecycle = MirrorLifecycle(providing.session())
                providing.refuse_or_note(lambda: lifecycle.replacement_is_allowed(_id, before, after, known))
            providing.refuse_readoption(_id, after)
        return providing.diff_result(difference, create_first=False)

    @refusing
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create or adopt; returns when the mirror is CREATED."""
        return CreateResult(*MirrorLifecycle(providing.session()).create(providing.plain(props)))

    @refusing
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the live mirror; an empty id tells the engine that it is gone."""
        return providing.read_result(id_, MirrorLifecycle(providing.session()).read(id_, providing.plain(props)))

    @refusing
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Change in place."""
        before, after = providing.plain(_olds), providing.plain(_news)
        return UpdateResult(MirrorLifecycle(providing.session()).update(_id, before, after))

    @refusing
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete; returns when the mirror is gone."""
        MirrorLifecycle(providing.session()).delete(_id, providing.plain(_props))
