"""What the engine would do with each resource that a program registers, given what a stack has.

Follows the engine's step generator (pkg/resource/deploy/step_generator.go, v3.259.0) for previews of whole programs:
own URN before aliases, check, ignored changes, diff, replacement with its dependents, deletions at the end. Dynamic
providers are asked here; of other providers nobody knows what they would say, so their resources are compared by the
inputs that the program gives, and what changes is updated in place. What comes of it is written as the engine writes
its events and its digest, for the same reader (``event_stream``).
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_cloudbackup.engine.configuration import STAND_IN
from pulumi_cloudbackup.engine.dynamic_providers import (
    DYNAMIC_PREFIX,
    PROVIDER_KEY,
    Diff,
    DynamicProviders,
    ProviderError,
    knows_its_provider,
)
from pulumi_cloudbackup.engine.property_paths import changed_paths, covers, paths_of, with_ignored
from pulumi_cloudbackup.engine.registration import PROVIDER_PREFIX, STACK_TYPE, urn_of
from pulumi_cloudbackup.engine.states import name_of, type_of
from pulumi_cloudbackup.engine.values import Secret, from_written, inside, to_written
from pulumi_cloudbackup.estate import UNKNOWN, holds_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pulumi_cloudbackup.engine.property_paths import Path
    from pulumi_cloudbackup.engine.registration import Alias, Registration

_ENCRYPTED: Final = Secret(UNKNOWN)
"""A secret of the state that nobody can read here."""
_SHORT: Final = 2
"""Secrets of so few characters are not hidden: too much would be (logging.CreateFilter)."""
_UNCOUNTED: Final = frozenset(
    ("create-replacement", "delete-replaced", "discard-replaced", "read-replacement", "remove-pending-replace")
)
"""Steps that the engine's summary counts under ``replace``, or not at all."""
_INIT_ERRORS: Final = ("#initerror",)
"""The path at which the engine has it that a resource failed to initialise."""
_UNPROTECT: Final = "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
_PROTECTED: Final = f"as it is currently marked for protection. To unprotect the resource, {_UNPROTECT}"


class RefusedError(ValueError):
    """The engine would stop at a resource; the message is what it would say."""


@dataclass(frozen=True)
class Answer:
    """What a program is told of a resource that it registered."""

    id: str
    """Empty: it has none yet."""
    outputs: Mapping[str, Any]
    """Those that are known in a preview."""


@dataclass(eq=False)
class _Old:
    """A resource of the state."""

    written: Mapping[str, Any]
    """As it was exported."""
    urn: str
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    needs: frozenset[str]
    """URNs of what it depends on; the parent is not among them."""

    def says(self, key: str) -> bool:
        """Whether a mark is set in the state."""
        return self.written.get(key) is True

    @property
    def has_init_errors(self) -> bool:
        """Whether it failed to initialise."""
        return bool(self.written.get("initErrors"))

    def names(self, key: str) -> Sequence[str]:
        """Return the paths, or the URNs, that an option had."""
        return self.written.get(key) or ()


@dataclass
class _Fates:
    """What has become of URNs so far."""

    seen: set[str] = field(default_factory=set)
    """New URNs that were registered or read."""
    aliased: dict[str, str] = field(default_factory=dict)
    """The new URN by an old one that an alias named."""
    alias_of: dict[str, str] = field(default_factory=dict)
    """The old URN by a new one that an alias named."""
    deleted: set[str] = field(default_factory=set)
    """Old URNs that were deleted before their turn; they may come back as replaced."""
    early: set[_Old] = field(default_factory=set)
    """What was deleted before its turn, whether it has come back or not."""
    replaced: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    """Old URNs whose vaults are deleted at the end, because they were replaced create-first."""


class Deciding:
    """One preview, resource by resource; safe to use from several threads, one after the other."""

    def __init__(
        self,
        olds: Sequence[Mapping[str, Any]],
        project: str,
        stack: str,
        configuration: Mapping[str, str],
        secrets: Sequence[str] = (),
    ) -> None:
        """Begin with what the stack has: resources as ``pulumi stack export`` writes them.

        ``secrets``: secret values of the configuration, which the engine shows nowhere.
        """
        self._secrets = tuple(one for one in secrets if len(one) > _SHORT)
        self._project, self._stack = project, stack
        self._providers = DynamicProviders(configuration, project)
        self._lock = threading.RLock()
        self._olds = [_old(one) for one in olds]
        self._by_urn = {old.urn: old for old in self._olds if not old.says("delete")}
        self._fates = _Fates()
        self._events: list[dict[str, Any]] = [{"preludeEvent": {"config": {}}}]
        self._steps: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()
        self._has_failed = False
        self._uncompared: set[str] = set()
        self._has_stand_ins = any(STAND_IN in one for one in secrets)
        self._stood_in: set[str] = set()

    def register(self, asked: Registration) -> Answer:
        """Decide what happens to a resource; raise RefusedError."""
        with self._lock:
            return self._registered(asked)

    def read(self, asked: Registration) -> None:
        """Note a resource that is only read; what was managed under its name goes, unless it is the same."""
        with self._lock:
            old = self._find_old(asked)
            self._fates.seen.add(asked.urn)
            new = _written(asked, asked.inputs, asked.inputs, asked.read_id or "") | {"external": True}
            if old is None or old.says("external") or old.id == asked.read_id:
                self._step("read", old, new)
                return
            self._fates.replaced.add(asked.urn)
            self._fates.later.add(old.urn)
            self._step("read-replacement", old, new)
            self._step("replace", old, new)

    def outputs(self, asked: Registration, outputs: Mapping[str, Any]) -> None:
        """Note what a component, or the stack, has registered as its outputs."""
        with self._lock:
            new = _written(asked, asked.inputs, outputs, "")
            self._event("resOutputsEvent", "same" if asked.urn in self._by_urn else "create", None, new)

    def failed(self, text: str, urn: str = "") -> None:
        """Note an error that ends the preview."""
        self.say("error", text, urn)

    def say(self, severity: str, text: str, urn: str = "") -> None:
        """Note a message; an error ends the preview."""
        self._has_failed = self._has_failed or severity == "error"
        self._events.append({"diagnosticEvent": {"severity": severity, "message": text, "urn": urn}})

    @property
    def stood_in(self) -> tuple[str, ...]:
        """Secrets that were not compared, because the configuration's values behind them are stood in for."""
        return tuple(sorted(self._stood_in))

    @property
    def uncompared(self) -> tuple[str, ...]:
        """Secrets that the state holds encrypted, and that are taken for what is declared."""
        return tuple(sorted(self._uncompared))

    @property
    def has_failed(self) -> bool:
        """Whether the preview has failed."""
        return self._has_failed

    def end(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Delete what was not registered; return the events, and the digest, as the engine writes them."""
        with self._lock:
            unseen = [] if self._has_failed else self._olds[::-1]
            refused = [old for old in unseen if not self._delete_unseen(old)]
            if refused:
                self.failed("preview failed")
            summary = {"isPreview": True, "resourceChanges": dict(self._counts)}
            self._events.append({"summaryEvent": {**summary, "result": "failed" if self._has_failed else "succeeded"}})
            events = [{"sequence": number, "timestamp": 0, **event} for number, event in enumerate(self._events)]
            digest = {"steps": self._steps}
            return (self._hidden(events), self._hidden(digest)) if self._secrets else (events, digest)

    def _hidden(self, value: Any) -> Any:
        """Return a value without the secrets of the configuration."""
        if not isinstance(value, str):
            return inside(self._hidden, value)
        for secret in self._secrets:
            value = value.replace(secret, "[secret]")
        return value

    def _registered(self, asked: Registration) -> Answer:
        old = self._find_old(asked)
        self._fates.seen.add(asked.urn)
        if asked.type.startswith(PROVIDER_PREFIX) or not asked.custom:
            return self._without_provider(asked, old)
        try:
            return self._with_provider(asked, old)
        except ProviderError as error:
            self.failed(str(error), asked.urn)
            raise RefusedError(str(error)) from error

    def _without_provider(self, asked: Registration, old: _Old | None) -> Answer:
        """Decide about a component or a provider: it is compared by its inputs."""
        if old is not None and (self._is_replaced_anyway(asked, old) or old.says("taint")):
            self._replaced(asked, old, is_deleted=old.urn in self._fates.deleted)
            return Answer("", asked.inputs if asked.custom else {})
        new = _written(asked, asked.inputs, {}, old.id if old is not None else "")
        if old is None:
            self._step("create", None, new)
        else:
            self._step("same" if dict(old.inputs) == self._ignored(asked, old) else "update", old, new)
        return Answer(new["id"], asked.inputs if asked.custom else {})

    def _with_provider(self, asked: Registration, old: _Old | None) -> Answer:
        if old is None:
            return self._created(asked, self._checked(asked, {}, asked.inputs))
        wanted = self._ignored(asked, old)
        if old.urn in self._fates.deleted:
            return self._replaced(asked, old, is_deleted=True)
        if old.says("external") or old.says("taint"):
            return self._replaced(asked, old, is_deleted=False)
        inputs = self._checked(asked, old.inputs, wanted)
        diff = self._diff(asked, old, inputs)
        if (diff.changes and diff.replaces) or old.says("pendingReplacement"):
            return self._replaced(asked, old, is_deleted=False, deletes_first=diff.delete_before_replace)
        if diff.changes or old.has_init_errors:
            new = _written(asked, inputs, inputs, old.id)
            self._step("update", old, new)
            return Answer(old.id, inputs)
        self._step("same", old, _written(asked, inputs, old.outputs, old.id))
        return Answer(old.id, old.outputs)

    def _created(self, asked: Registration, inputs: Mapping[str, Any]) -> Answer:
        self._step("create", None, _written(asked, inputs, inputs, ""))
        return Answer("", inputs)

    def _replaced(self, asked: Registration, old: _Old, *, is_deleted: bool, deletes_first: bool = False) -> Answer:
        """Replace a resource; what depends on it so that it has to be replaced too is deleted before it."""
        if asked.options.protect and old.says("protect") and not is_deleted and not old.says("external"):
            self.failed(f'unable to replace resource "{asked.urn}"\n{_PROTECTED}', asked.urn)
        inputs = self._checked(asked, {}, asked.inputs)
        if is_deleted or not old.says("external"):
            self._fates.replaced.add(asked.urn)
        chosen = asked.options.delete_before_replace
        deletes_first = deletes_first if chosen is None else chosen
        new = _written(asked, inputs, inputs, "")
        if not is_deleted and (old.says("external") or not deletes_first):
            self._fates.later.add(old.urn)
            self._step("create-replacement", old, new)
            self._step("replace", old, new)
            return Answer("", inputs)
        if not is_deleted:
            self._delete_with(asked, old)
            if not old.says("pendingReplacement"):
                self._delete_replaced(old)
        self._fates.deleted.discard(old.urn)
        self._step("replace", old, new)
        self._step("create-replacement", old, new)
        return Answer("", inputs)

    def _delete_with(self, asked: Registration, old: _Old) -> None:
        """Delete what has to be replaced with a resource that is deleted now; raise RefusedError."""
        for other in reversed([*self._replaced_too(old), *self._replaced_with(asked.urn)]):
            if other in self._fates.early:
                continue
            if other.says("protect") and not other.says("delete"):
                text = f'unable to replace resource "{other.urn}" as part of replacing "{asked.urn}"'
                self.failed(f"{text} {_PROTECTED}{_or_command(other)}", asked.urn)
                raise RefusedError(text)
            self._fates.deleted.add(other.urn)
            self._fates.early.add(other)
            if other.says("delete"):
                self._step("delete", other, None)
            else:
                self._delete_replaced(other)

    def _delete_replaced(self, old: _Old) -> None:
        """Delete what another one takes the place of; what was only read is forgotten."""
        self._step("discard-replaced" if old.says("external") else "delete-replaced", old, None)

    def _replaced_with(self, urn: str) -> list[_Old]:
        """Return what the state says is replaced with a resource, whether a provider would or not.

        What is declared with it now comes later, and finds that it has been replaced (findResourcesReplacedWith).
        """
        return [old for old in self._by_urn.values() if urn in old.names("replaceWith")]

    def _checked(self, asked: Registration, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return complete inputs; raise RefusedError where the provider does not accept them."""
        if not asked.type.startswith(DYNAMIC_PREFIX):
            return news
        inputs, failures = self._providers.check(olds, news)
        if not failures:
            return inputs
        for failure in failures:
            about = f"'s property '{failure.property}' has a problem" if failure.property else " has a problem"
            self.failed(f"{asked.type} resource '{asked.name}'{about}: {failure.reason}", asked.urn)
        raise RefusedError(failures[0].reason)

    def _ignored(self, asked: Registration, old: _Old) -> dict[str, Any]:
        return self._as_before(asked.urn, asked.inputs, old, asked.options.ignore_changes)

    def _as_before(self, urn: str, inputs: Mapping[str, Any], old: _Old, ignored: Sequence[str]) -> dict[str, Any]:
        """Return inputs with the old values of what is ignored; say what cannot be."""
        kept, wrong = with_ignored(inputs, old.inputs, ignored)
        if wrong:
            told = ", ".join(wrong).replace("\\", "\\\\").replace('"', '\\"')
            self.say("info", f'cannot ignore changes in added or removed elements of the path: "{told}"', urn)
        return kept

    def _is_replaced_anyway(self, asked: Registration, old: _Old) -> bool:
        """Whether a resource is replaced whatever its inputs are: gone already, triggered, or with another one."""
        return (
            old.urn in self._fates.deleted
            or _triggers(old, asked.options.replacement_trigger)
            or not self._fates.replaced.isdisjoint(asked.options.replace_with)
        )

    def _diff(self, asked: Registration, old: _Old, inputs: Mapping[str, Any]) -> Diff:
        """Return what the provider says, or the engine for it, with what the options make of it."""
        if self._is_replaced_anyway(asked, old):
            return Diff(changes=True, replaces=("replaceWith",))
        options = asked.options
        if asked.type.startswith(DYNAMIC_PREFIX):
            diff, found = self._compared(asked.urn, old, inputs, options.ignore_changes)
        else:
            before = self._filled_in(old, old.inputs, inputs)
            changed = {key: value for key, value in inputs.items() if before.get(key) != value}
            diff, found = Diff(bool(changed)), [*changed_paths({key: before.get(key) for key in changed}, changed)]
        diff = _with_forced(diff, found, options.replace_on_changes)
        if old.has_init_errors and any(covers(path, _INIT_ERRORS) for path in paths_of(options.replace_on_changes)):
            return replace(diff, changes=True, replaces=(*diff.replaces, *_INIT_ERRORS))
        return diff

    def _compared(
        self, urn: str, old: _Old, inputs: Mapping[str, Any], ignored: Sequence[str]
    ) -> tuple[Diff, list[Path]]:
        """Ask a dynamic provider; where it leaves that to the engine, compare the inputs (diffResource).

        The paths are those at which the engine itself has found changes.
        """
        diff = self._providers.diff(old.id, self._filled_in(old, old.outputs, inputs), inputs)
        if diff.changes is not None:
            return diff, []
        kept = self._as_before(urn, inputs, old, ignored)
        found = [*changed_paths(self._filled_in(old, old.inputs, kept), kept)]
        return replace(diff, changes=bool(found)), found

    def _filled_in(self, old: _Old, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        """Return old values; a secret that nobody can read, there or here, is taken for the one that is declared."""
        hidden = {key for key, value in olds.items() if value == _ENCRYPTED and isinstance(news.get(key), Secret)}
        self._uncompared |= {f"{name_of(old.urn)} ({key})" for key in hidden if key != PROVIDER_KEY}
        if self._has_stand_ins:
            secret = {key for key, value in olds.items() if any(_secrets_in(value))}
            stood_in = {key for key in secret - hidden if _is_stood_in(news.get(key))}
            self._stood_in |= {f"{name_of(old.urn)} ({key})" for key in stood_in}
            hidden |= stood_in
        return {key: news[key] if key in hidden else value for key, value in olds.items()}

    def _replaced_too(self, root: _Old) -> list[_Old]:
        """Return what has to be replaced with a resource, because its provider would say so (in their order)."""
        replaced, dependents, found = {root.urn}, {root.urn}, []
        for old in self._olds[self._olds.index(root) + 1 :]:
            if self._is_decided(old.urn) or not old.needs & dependents:
                continue
            dependents.add(old.urn)
            unknown = {key for key, urns in _by_property(old.written).items() if replaced.intersection(urns)}
            if not unknown or not old.says("custom") or old.says("external"):
                continue
            inputs = {key: UNKNOWN if key in unknown else value for key, value in old.inputs.items()}
            if self._would_be_replaced(old, inputs):
                replaced.add(old.urn)
                found.append(old)
        return found

    def _would_be_replaced(self, old: _Old, inputs: Mapping[str, Any]) -> bool:
        if not type_of(old.urn).startswith(DYNAMIC_PREFIX) or not knows_its_provider(old.outputs):
            return False  # nobody can ask its provider
        diff, found = self._compared(old.urn, old, inputs, old.names("ignoreChanges"))
        return bool(_with_forced(diff, found, old.names("replaceOnChanges")).replaces)

    def _is_decided(self, urn: str) -> bool:
        return urn in self._fates.seen or urn in self._fates.aliased or urn in self._fates.deleted

    def _find_old(self, asked: Registration) -> _Old | None:
        """Find what a resource was before: by its own URN, then by its aliases."""
        if asked.urn in self._fates.aliased:
            text = f"Duplicate resource URN '{asked.urn}' conflicting with alias on resource with URN"
            self.failed(f"{text} '{self._fates.aliased[asked.urn]}'", asked.urn)
            raise RefusedError(text)
        for urn in (asked.urn, *self._alias_urns(asked)):
            old = self._by_urn.get(urn)
            if old is None:
                continue
            if urn != asked.urn:
                if urn in self._fates.seen or urn in self._fates.aliased:
                    text = f"Duplicate resource alias '{urn}' applied to resource with URN '{asked.urn}'"
                    self.failed(text, asked.urn)
                    raise RefusedError(text)
                self._fates.aliased[urn] = asked.urn
                self._fates.alias_of[asked.urn] = urn
            return old
        return None

    def _alias_urns(self, asked: Registration) -> Iterable[str]:
        """Return the URNs that aliases name, those of the parent multiplied out (generateAliases)."""
        own = [self._alias_urn(asked, alias) for alias in asked.options.aliases]
        yield from own
        before = self._fates.alias_of.get(asked.parent)
        if before is None:
            return
        for type_, name in ((asked.type, asked.name), *((type_of(urn), name_of(urn)) for urn in own)):
            parent = name_of(asked.parent)
            moved = f"{name_of(before)}{name[len(parent) :]}" if name.startswith(parent) else name
            yield urn_of(self._stack, self._project, before, type_, moved)

    def _alias_urn(self, asked: Registration, alias: Alias) -> str:
        if alias.urn is not None:
            return alias.urn
        parent = self._fates.alias_of.get(alias.parent, alias.parent) if alias.parent else asked.parent
        if alias.no_parent or (parent and type_of(parent) == STACK_TYPE):
            parent = ""
        return urn_of(
            alias.stack or self._stack,
            alias.project or self._project,
            parent,
            alias.type or asked.type,
            alias.name or asked.name,
        )

    def _delete_unseen(self, old: _Old) -> bool:
        """Delete what nobody has registered; whether that is allowed."""
        fates = self._fates
        if old.says("delete") and old in fates.early:
            return True
        if old.says("delete") or old.urn in fates.later:
            self._delete_replaced(old)
            return True
        if old.urn in fates.seen or old.urn in fates.aliased or _is_default_provider(old.urn):
            return True
        if old in fates.early or old.says("pendingReplacement"):
            self._step("remove-pending-replace", old, None)
            return True
        if old.says("protect"):
            reason = f"because it is protected. To unprotect the resource, either {_UNPROTECT}{_or_command(old)}"
            self.failed(f'Preview failed: resource "{old.urn}" cannot be deleted\n{reason}', old.urn)
            return False
        self._step("discard" if old.says("external") else "delete", old, None)
        return True

    def _step(self, op: str, old: _Old | None, new: Mapping[str, Any] | None) -> None:
        """Write a step down: that it has begun, and that it has ended."""
        before = old.written if old is not None else None
        self._event("resourcePreEvent", op, before, new)
        self._event("resOutputsEvent", op, before, new)
        step: dict[str, Any] = {"op": op, "urn": (new or before or {})["urn"]}
        self._steps.append(
            {**step, **({"oldState": before} if before else {}), **({"newState": new} if new is not None else {})}
        )
        if op not in _UNCOUNTED:
            self._counts[op] += 1

    def _event(self, kind: str, op: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
        state = new if new is not None else old or {}
        metadata = {"op": op, "urn": state["urn"], "type": state["type"], "old": old, "new": new}
        self._events.append({kind: {"metadata": metadata, "planning": True}})


def _triggers(old: _Old, wanted: Any) -> bool:
    """Whether another replacement trigger replaces a resource (shouldTriggerReplace); on one side alone it is none."""
    before, after = _open(from_written(old.written.get("replacementTrigger"))), _open(wanted)
    if holds_unknown(before) or holds_unknown(after):
        return True
    return before is not None and after is not None and bool(before != after)


def _open(value: Any) -> Any:
    """Return a value with its secrets taken out of their wrapping."""
    return _open(value.value) if isinstance(value, Secret) else inside(_open, value)


def _is_stood_in(value: object) -> bool:
    """Whether a secret in a value is made of what stands in for an encrypted value of the configuration."""
    return any(STAND_IN in str(one.value) for one in _secrets_in(value))


def _secrets_in(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _secrets_in(item)


def _with_forced(diff: Diff, changed: Iterable[Path], paths: Iterable[str]) -> Diff:
    """Return a difference with what is to be replaced where it changes (applyReplaceOnChanges).

    ``changed``: where the engine itself has found changes; of what a provider has found it knows nothing.
    """
    forcing = paths_of(paths)
    forced = sorted({str(one[0]) for one in changed if any(covers(path, one) for path in forcing)})
    return replace(diff, replaces=(*diff.replaces, *forced))


def _or_command(old: _Old) -> str:
    return f", or use the command:\n`pulumi state unprotect '{old.urn}'`"


def _is_default_provider(urn: str) -> bool:
    """Whether the engine itself registers a provider, so that no program does."""
    return type_of(urn).startswith(PROVIDER_PREFIX) and name_of(urn).startswith("default")


def _old(written: Mapping[str, Any]) -> _Old:
    needs = {*(written.get("dependencies") or ()), *(written.get("replaceWith") or ())}
    needs.update(*_by_property(written).values())
    if written.get("deletedWith"):
        needs.add(written["deletedWith"])
    return _Old(
        written,
        written["urn"],
        written.get("id") or "",
        from_written(written.get("inputs") or {}),
        from_written(written.get("outputs") or {}),
        frozenset(needs),
    )


def _by_property(written: Mapping[str, Any]) -> dict[str, list[str]]:
    return {key: urns for key, urns in (written.get("propertyDependencies") or {}).items() if urns}


def _written(asked: Registration, inputs: Mapping[str, Any], outputs: Mapping[str, Any], id_: str) -> dict[str, Any]:
    """Return a resource as the engine writes it."""
    options = asked.options
    return {
        "urn": asked.urn,
        "type": asked.type,
        "custom": asked.custom,
        "id": id_,
        "parent": asked.parent,
        "protect": bool(options.protect),
        "inputs": to_written(inputs),
        "outputs": to_written(outputs),
        "dependencies": list(asked.dependencies),
        "propertyDependencies": {key: list(urns) for key, urns in asked.property_dependencies.items()},
        "retainOnDelete": bool(options.retain_on_delete),
        "deletedWith": options.deleted_with,
        "ignoreChanges": list(options.ignore_changes),
        "replaceOnChanges": list(options.replace_on_changes),
        "replacementTrigger": to_written(options.replacement_trigger),
    }
