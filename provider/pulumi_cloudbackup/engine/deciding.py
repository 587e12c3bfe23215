"""What the engine would do with each resource that a program registers, given what a stack has.

Follows the engine's step generator (pkg/resource/deploy/step_generator.go, v3.259.0) for previews of whole programs:
own URN before aliases, check, ignored changes, diff, replacement with its dependents, deletions at the end. Dynamic
providers are asked here; of other providers nobody knows what they would say, so their resources are compared by the
inputs that the program gives, and what changes is updated in place. What comes of it is written as the engine writes
its events and its digest, for the same reader (``event_stream``).
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, field
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
from pulumi_cloudbackup.engine.registration import PROVIDER_PREFIX, STACK_TYPE, urn_of
from pulumi_cloudbackup.engine.states import name_of, type_of
from pulumi_cloudbackup.engine.values import Secret, from_written, to_written
from pulumi_cloudbackup.estate import UNKNOWN, holds_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pulumi_cloudbackup.engine.registration import Alias, Registration

_ENCRYPTED: Final = Secret(UNKNOWN)
"""A secret of the state that nobody can read here."""
_SHORT: Final = 2
"""Secrets of so few characters are not hidden: too much would be (logging.CreateFilter)."""
_BRACKETS: Final = re.compile(r'\["([^"]*)"\]')
"""How a path names a key that is no word."""
_UNCOUNTED: Final = frozenset(("create-replacement", "delete-replaced", "read-replacement", "remove-pending-replace"))
"""Steps that the engine's summary counts under ``replace``, or not at all."""


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
            if not self._has_failed:
                for old in reversed(self._olds):
                    self._delete_unseen(old)
            summary = {"isPreview": True, "resourceChanges": dict(self._counts)}
            self._events.append({"summaryEvent": {**summary, "result": "failed" if self._has_failed else "succeeded"}})
            events = [{"sequence": number, "timestamp": 0, **event} for number, event in enumerate(self._events)]
            digest = {"steps": self._steps}
            return (self._hidden(events), self._hidden(digest)) if self._secrets else (events, digest)

    def _hidden(self, value: Any) -> Any:
        """Return a value without the secrets of the configuration."""
        match value:
            case str():
                for secret in self._secrets:
                    value = value.replace(secret, "[secret]")
                return value
            case dict():
                return {key: self._hidden(item) for key, item in value.items()}
            case list():
                return [self._hidden(item) for item in value]
            case _:
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
        new = _written(asked, asked.inputs, {}, old.id if old is not None else "")
        if old is None:
            self._step("create", None, new)
        else:
            self._step("same" if dict(old.inputs) == dict(asked.inputs) else "update", old, new)
        return Answer(new["id"], asked.inputs if asked.custom else {})

    def _with_provider(self, asked: Registration, old: _Old | None) -> Answer:
        if old is None:
            return self._created(asked, self._checked(asked, {}, asked.inputs))
        if old.urn in self._fates.deleted:
            return self._replaced(asked, old, is_deleted=True)
        if old.says("external") or old.says("taint"):
            return self._replaced(asked, old, is_deleted=False)
        inputs = self._checked(asked, old.inputs, _with_ignored(asked, old))
        diff = self._diff(asked, old, inputs)
        if diff.replaces or old.says("pendingReplacement"):
            return self._replaced(asked, old, is_deleted=False, deletes_first=diff.delete_before_replace)
        if diff.changes or old.written.get("initErrors"):
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
        if asked.options.protect and old.says("protect") and not is_deleted:
            self.failed(
                f'unable to replace resource "{asked.urn}"\nas it is currently marked for protection.', asked.urn
            )
        inputs = self._checked(asked, {}, asked.inputs)
        self._fates.replaced.add(asked.urn)
        chosen = asked.options.delete_before_replace
        deletes_first = deletes_first if chosen is None else chosen
        new = _written(asked, inputs, inputs, "")
        if old.says("external") or (not deletes_first and not is_deleted):
            self._fates.later.add(old.urn)
        elif not is_deleted:
            for dependent in reversed(self._replaced_too(old)):
                if dependent.says("protect"):
                    text = f'unable to replace resource "{dependent.urn}" as part of replacing "{asked.urn}"'
                    self.failed(f"{text}\nas it is currently marked for protection.", asked.urn)
                    raise RefusedError(text)
                self._fates.deleted.add(dependent.urn)
                self._step("delete-replaced", dependent, None)
            if not old.says("pendingReplacement"):
                self._step("delete-replaced", old, None)
        self._fates.deleted.discard(old.urn)
        self._step("replace", old, new)
        self._step("create-replacement", old, new)
        return Answer("", inputs)

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

    def _diff(self, asked: Registration, old: _Old, inputs: Mapping[str, Any]) -> Diff:
        if _triggers(old, asked.options.replacement_trigger):
            return Diff(changes=True, replaces=("replacementTrigger",))
        if any(urn in self._fates.replaced for urn in asked.options.replace_with):
            return Diff(changes=True, replaces=("replaceWith",))
        before = self._filled_in(old, old.inputs, inputs)
        if not asked.type.startswith(DYNAMIC_PREFIX):
            changed = {key for key, value in inputs.items() if before.get(key) != value}
            return _by_keys(changed, (), asked.options.replace_on_changes)
        diff = self._providers.diff(old.id, self._filled_in(old, old.outputs, inputs), inputs)
        if diff.changes is not None:
            return diff
        changed = {key for key in before.keys() | inputs.keys() if before.get(key) != inputs.get(key)}
        return _by_keys(changed, diff.replaces, asked.options.replace_on_changes)

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
        return bool(self._providers.diff(old.id, old.outputs, inputs).replaces)

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

    def _delete_unseen(self, old: _Old) -> None:
        """Delete what nobody has registered."""
        fates = self._fates
        if old.says("delete") or old.urn in fates.later:
            self._step("delete-replaced", old, None)
            return
        if old.urn in fates.seen or old.urn in fates.aliased or _is_default_provider(old.urn):
            return
        if old.urn in fates.deleted or old.says("pendingReplacement"):
            self._step("remove-pending-replace", old, None)
            return
        if old.says("protect"):
            self.failed(f'resource "{old.urn}" cannot be deleted\nbecause it is protected.', old.urn)
            return
        self._step("discard" if old.says("external") else "delete", old, None)

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
    match value:
        case Secret():
            return _open(value.value)
        case dict():
            return {key: _open(item) for key, item in value.items()}
        case list():
            return [_open(item) for item in value]
        case _:
            return value


def _is_stood_in(value: object) -> bool:
    """Whether a secret in a value is made of what stands in for an encrypted value of the configuration."""
    return any(STAND_IN in str(one.value) for one in _secrets_in(value))


def _secrets_in(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _secrets_in(item)


def _by_keys(changed: set[str], replaces: tuple[str, ...], paths: Sequence[str]) -> Diff:
    """Return what changed inputs come to, where the engine compares them itself (applyReplaceOnChanges)."""
    forced = sorted(key for key in changed if key in paths or "*" in paths)
    return Diff(changes=bool(changed), replaces=(*replaces, *forced))


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


def _with_ignored(asked: Registration, old: _Old) -> Mapping[str, Any]:
    """Return the inputs with the old values of what is ignored (processIgnoreChanges)."""
    inputs = dict(asked.inputs)
    if "*" in asked.options.ignore_changes:
        return dict(old.inputs)
    for written in asked.options.ignore_changes:
        path = _BRACKETS.sub(lambda found: f".{found[1]}", written).removeprefix(".")
        key, _, rest = path.partition(".")
        if rest and isinstance(inputs.get(key), dict):
            before = old.inputs.get(key)
            inputs[key] = _reset(inputs[key], rest, before if isinstance(before, dict) else {})
        elif not rest:
            inputs = _reset(inputs, key, old.inputs)
    return inputs


def _reset(values: Mapping[str, Any], key: str, olds: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in values.items() if name != key}
    return {**rest, key: olds[key]} if key in olds else rest


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
