"""Which Pulumi options a mirror and its source must not have: CB301 (reference/pulumi-engine.md 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.rules.book import Broken, Finding, judge, rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pulumi_cloudbackup.rules.problem import Problem

_OF_SOURCE: Final = ("source", "*")
"""How a path begins that names the source, or everything."""


@rule("CB301", "Options that break the order of mirror and source", caution=True)
def mirror_options_keep_the_order(
    name: str, options: Mapping[str, Any], its_mirror: str | None = None
) -> Iterator[Finding]:
    """Check that mirror and source have no option that breaks the order in which both are made and deleted.

    Why it matters: a source has at most one mirror and cannot be deleted before it. ``delete_before_replace=False``
    makes the engine create the second mirror first, ``retain_on_delete`` leaves the old one behind, ``deleted_with``
    skips its deletion, and ``ignore_changes`` of its source keeps the id of a vault that is gone; ``replace_with`` of a
    source deletes it together with the other resource, before its mirror. The service then refuses the rest of the
    update.

    How to fix it: remove the option. A mirror is always replaced delete-first; to hand one over, use
    ``cloudbackup release``.
    """
    if its_mirror is not None:
        if options.get("replace_with"):
            yield Broken(
                "replace_with",
                f'Vault "{name}" has replace_with: where the other resource is replaced, the engine deletes "{name}" '
                f'at once, before its mirror vault "{its_mirror}", and the service refuses that.',
                "Remove the option, and ask for the replacement with `pulumi up --replace` where it is needed.",
            )
        return
    if options.get("delete_before_replace") is False:
        yield Broken(
            "delete_before_replace",
            f'Mirror vault "{name}" has delete_before_replace=False, but a source has at most one mirror: creating the '
            "new one first would be refused.",
            "Remove the option; a mirror is always replaced delete-first.",
        )
    if options.get("retain_on_delete"):
        yield Broken(
            "retain_on_delete",
            f'Mirror vault "{name}" has retain_on_delete: replacing it would leave the old mirror behind, and its '
            "source "
            "could then neither be mirrored anew nor be deleted.",
            "Remove the option; to hand a mirror over, use `cloudbackup release`.",
        )
    if options.get("deleted_with") is not None:
        yield Broken(
            "deleted_with",
            f'Mirror vault "{name}" has deleted_with: the engine would skip its deletion, and the deletion of its '
            "source "
            "is then refused.",
            "Remove the option.",
        )
    ignored = [path for path in options.get("ignore_changes") or () if _is_of_source(str(path))]
    if ignored:
        yield Broken(
            "ignore_changes",
            f'Mirror vault "{name}" ignores changes of {", ".join(ignored)}: it would keep the id of a source that is '
            "deleted.",
            "Remove that from ignore_changes.",
        )


def judge_mirror_options(name: str, options: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return the problems of a mirror's options."""
    return judge(("CB301",), name, name, options).problems


def judge_source_options(name: str, options: Mapping[str, Any], mirror: str) -> tuple[Problem, ...]:
    """Return the problems of the options of a vault that has a mirror."""
    return judge(("CB301",), name, name, options, mirror).problems


def _is_of_source(path: str) -> bool:
    return path == "*" or path.lstrip("[\"'").startswith(_OF_SOURCE)
