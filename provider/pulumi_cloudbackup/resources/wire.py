"""Between the engine's property dictionaries and our models.

The engine gives unknowns as ``pulumi.output.Unknown`` (without equality), numbers as floats, and drops ``None``
(reference/pulumi-engine.md 2.5). All of that ends here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pulumi
from pulumi.output import Unknown as EngineUnknown
from pydantic import ValidationError

from pulumi_cloudbackup.estate import UNKNOWN, MirrorVault, Source, Unknown, Vault
from pulumi_cloudbackup.estate.arguments import MIRROR_ARGUMENTS, VAULT_ARGUMENTS
from pulumi_cloudbackup.estate.mirror import ExistingSource
from pulumi_cloudbackup.estate.owner import readable_owner
from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.rules.book import BOOK, Broken

if TYPE_CHECKING:
    from pulumi_cloudbackup.estate.resource import DeclaredResource
    from pulumi_cloudbackup.rules import Problem

Properties = Mapping[str, Any]
Resource = TypeVar("Resource", bound="DeclaredResource")

_NOTE_PARTS: Final = 4
SOURCE_FACTS: Final = ("id", "region_id", "vault_name", "vault_type", "encrypt_type", "kms_key_id")
"""What a mirror's inputs tell about its source, each as ``source_…`` (the id as ``source_vault_id``)."""


class UnusableArguments(Refusal):
    """Some arguments have a kind that no rule can judge; holds a CB100 problem for each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep the problems."""
        super().__init__("\n".join(problem.one_line for problem in problems))
        self.problems = problems


def from_engine(value: Any) -> Any:
    """Make the engine's unknowns ours, at any depth."""
    if isinstance(value, EngineUnknown):
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: from_engine(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_engine(item) for item in value]
    return value


def to_engine(value: Any) -> Any:
    """Make our unknowns the engine's, at any depth."""
    if isinstance(value, Unknown):
        return pulumi.UNKNOWN
    if isinstance(value, Mapping):
        return {key: to_engine(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_engine(item) for item in value]
    return value


def known_text(value: Any) -> str | None:
    """Return a text that is there and known; otherwise ``None``."""
    return value if isinstance(value, str) and value else None


@dataclass(frozen=True)
class Note:
    """What the program tells the ``check`` of a resource, behind its owner: an owner has no blank."""

    judged: bool = False
    """Whether all that can be said in advance was said; otherwise ``check`` asks the live account itself."""
    live: bool = False
    """Whether it was judged with the live account and the old state in sight."""
    told: tuple[str, ...] = ()
    """Codes of the warnings that were told already."""
    secret: tuple[str, ...] = ()
    """Properties whose values are secret: no message quotes them."""
    stays_parked: bool = False
    """Whether it is parked and has to stay so in this run: another mirror of the stack is at its source still."""


def with_note(owner: str, note: Note) -> str:
    """Return an owner with a note behind it; an empty note leaves nothing."""
    if note == Note():
        return owner
    flags = ("judged" if note.judged else "open") + ("-parked" if note.stays_parked else "")
    flags += "-live" if note.live else ""
    return " ".join((owner, flags, ",".join(note.told) or "-", ",".join(note.secret) or "-"))


def without_note(owner: Any) -> tuple[Any, Note]:
    """Return an owner as it is, and its note."""
    parts = owner.split(" ") if isinstance(owner, str) else ()
    if len(parts) != _NOTE_PARTS:
        return owner, Note()
    plain, flags, told, secret = parts
    told_codes, secret_keys = (tuple(text.split(",")) if text != "-" else () for text in (told, secret))
    is_live = flags.endswith("-live")
    return plain, Note(flags.startswith("judged"), is_live, told_codes, secret_keys, "-parked" in flags)


def resource_name(properties: Properties) -> str:
    """Return the resource's name for messages; of older states from the readable part of its owner, perhaps cut."""
    name = known_text(properties.get("resource_name"))
    if name:
        return name
    parts = readable_owner(known_text(properties.get("owner")) or "").split("/", 2)
    return parts[-1] or known_text(properties.get("vault_name")) or "this resource"


def vault_of(properties: Properties, name: str | None = None) -> Vault:
    """Return the vault that properties declare; raise UnusableArguments."""
    return _parsed(Vault, properties, VAULT_ARGUMENTS, {"name": name or resource_name(properties)})


def mirror_of(properties: Properties, name: str | None = None) -> MirrorVault:
    """Return the mirror that properties declare; raise UnusableArguments."""
    source = ExistingSource.model_construct(
        id=_text_or_unknown(properties.get("source_vault_id", UNKNOWN)),
        region_id=_text_or_unknown(properties.get("source_region_id", UNKNOWN)),
        vault_name=_text_or_unknown(properties.get("source_vault_name")),
        encrypt_type=_text_or_unknown(properties.get("source_encrypt_type")),
    )
    own = {"name": name or resource_name(properties), "source": source}
    return _parsed(MirrorVault, properties, MIRROR_ARGUMENTS, own)


def as_far_as_usable(
    parse: Callable[[Properties, str | None], Resource], properties: Properties, name: str | None = None
) -> tuple[Resource, tuple[Problem, ...]]:
    """Parse what can be parsed: arguments of no usable kind are problems, and stand for values that are not known."""
    try:
        return parse(properties, name), ()
    except UnusableArguments as error:
        unusable: dict[str, Any] = {str(problem.argument): UNKNOWN for problem in error.problems}
        if "account" in unusable:
            unusable["account"] = None
        return parse({**properties, **unusable}, name), error.problems


def source_of(properties: Properties) -> Source:
    """Return what a mirror's properties tell about its source."""
    facts: dict[str, Any] = {fact: _text_or_unknown(properties.get(source_property(fact))) for fact in SOURCE_FACTS}
    return Source(**facts)


def source_problems(properties: Properties, name: str) -> tuple[Problem, ...]:
    """Return a CB100 problem where a fact about a source that the program does not declare is no text."""
    if properties.get("source_owner") is not None:
        return ()  # a declared vault: its own problems are told of it
    reasons = []
    if properties.get("source_vault_id") is None and properties.get("source_region_id") is None:
        return (BOOK["CB100"].problem(_unusable(name, "source", "is no vault"), name),)
    for fact in SOURCE_FACTS:
        value = properties.get(source_property(fact))
        if value is None and fact in ("id", "region_id"):
            reasons.append(f"has no {fact}")
        elif value is not _text_or_unknown(value):
            reasons.append(f"has an unusable {fact}: a text is expected")
    return tuple(BOOK["CB100"].problem(_unusable(name, "source", reason), name) for reason in reasons)


def _text_or_unknown(value: Any) -> str | Unknown | None:
    """Return a text, or what stands for one; what is no text at all is not judged any further."""
    return value if value is None or isinstance(value, (str, Unknown)) else UNKNOWN


def source_property(fact: str) -> str:
    """Return the property that holds a fact about the source."""
    return "source_vault_id" if fact == "id" else f"source_{fact}"


def _parsed(
    model: type[Resource], properties: Properties, arguments: tuple[str, ...], more: Mapping[str, Any]
) -> Resource:
    name = str(more["name"])
    given = {key: properties[key] for key in arguments if properties.get(key) is not None}
    for argument in ("owner", "timeout"):  # what the model needs as it is; an unknown one is not judged
        if isinstance(given.get(argument), Unknown):
            del given[argument]
    try:
        return model.model_validate({**given, **more})
    except ValidationError as error:
        reasons: dict[str, str] = {}
        for detail in error.errors():
            reasons.setdefault(str(detail["loc"][0]), _words(detail["type"], detail["msg"]))
        problems = (BOOK["CB100"].problem(_unusable(name, key, reason), name) for key, reason in reasons.items())
        raise UnusableArguments(tuple(problems)) from None


def _unusable(name: str, argument: str, reason: str) -> Broken:
    (finding,) = BOOK["CB100"].judge(argument, name, reason)
    assert isinstance(finding, Broken)  # noqa: S101 - the rule yields nothing else
    return finding


def _words(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return f"cannot be used: {message[0].lower()}{message[1:]}"
