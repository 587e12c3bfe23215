"""Estates: all vaults and mirrors that are considered together, declared or real.

Decides how an estate is written as JSON (``schema_version`` 1) and what makes one well-formed: unique names within an
account. Whether it is allowed is for the rules.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pulumi_cloudbackup.estate.mirror import MirrorVault
from pulumi_cloudbackup.estate.vault import Vault

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from typing_extensions import Self


_TWICE: Final = 2
_REASONS: Final = {
    "extra_forbidden": "there is no such entry in this form",
    "missing": "it is missing",
    "tuple_type": "a list is expected",
    "dict_type": "an object is expected",
    "model_type": "an object is expected",
    "model_attributes_type": "an object is expected",
    "string_type": "a text is expected",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
}
"""What the validator finds, by its type of error; it speaks of the types of Python."""


class EstateError(ValueError):
    """An estate file cannot be read; the message names the place and the reason."""


@dataclass(frozen=True)
class Document:
    """What an estate file holds, before anybody asks whether it is an estate."""

    content: dict[str, Any]
    digest: str
    """A digest of its bytes."""


class Usage(BaseModel):
    """What the account of the estate uses now; vaults that are listed with an id are counted here too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vaults: int | None = None
    """All vaults of the account, mirrors included."""
    mirrors_by_region: dict[str, int] = Field(default_factory=dict)
    """Mirrors by region id."""
    complete: bool = False
    """Whether the numbers count everything; otherwise they are lower bounds."""


class ForeignResource(BaseModel):
    """Another resource of the program that vaults depend on, such as a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urn: str
    depends_on: tuple[str, ...] = ()
    action: Literal["none", "create", "update", "replace", "delete"] = "none"
    delete_first: bool = False
    """Whether a replacement deletes it first, and before it every vault that its replacement replaces."""


class Estate(BaseModel):
    """All vaults and mirrors that are considered together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    """The version of this form."""
    account: str = "default"
    """The account of every resource that names none."""
    vaults: tuple[Vault, ...] = ()
    mirrors: tuple[MirrorVault, ...] = ()
    as_of: str | None = None
    """When the estate was observed, as ISO 8601."""
    usage: Usage | None = None
    """What the account already uses."""
    limits: dict[str, int] | None = None
    """Quotas that differ from the documented ones: ``vaults`` (per account), ``mirrors_per_region``."""
    live_regions: tuple[str, ...] | None = None
    """The regions that the live service lists."""
    live_mirror_regions: tuple[str, ...] | None = None
    """The regions that the live service lists for mirrors; absent: ``live_regions`` stands for both."""
    listed_regions: tuple[str, ...] = ()
    """The regions whose vaults, of the account of the estate, are all in the estate: an id that is missing is gone."""
    listed_elsewhere: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The same for other accounts, by account."""
    foreign: tuple[ForeignResource, ...] = ()
    """Other resources that vaults depend on."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        # Pulumi keeps a replaced resource that it has yet to delete under the name of its successor.
        names = Counter(
            (resource.account or self.account, resource.name)
            for resource in (*self.vaults, *self.mirrors)
            if not resource.pending_delete
        )
        doubled = sorted(name for (_, name), count in names.items() if count > 1)
        if doubled:
            raise ValueError(f"the name {doubled[0]!r} is used by more than one resource of the account")
        return self


def estate_from_json(text: str | bytes) -> Estate:
    """Read an estate from its JSON form; raise EstateError with place and reason."""
    return estate_from_content(_content(text))


def document_from_json(text: bytes) -> Document:
    """Read the JSON of an estate file, its version checked and nothing else; raise EstateError with the reason."""
    return Document(_content(text), hashlib.sha256(text).hexdigest())


def estate_from_content(content: dict[str, Any]) -> Estate:
    """Read an estate from what its file holds; raise EstateError with place and reason."""
    try:
        return Estate.model_validate(content)
    except ValidationError as error:
        raise EstateError("\n".join(_reasons(error))) from None


def _content(text: str | bytes) -> dict[str, Any]:
    """Read the JSON of an estate and check its version."""
    try:
        content = json.loads(text)
        doubled = _written_twice(text)
    except ValueError as error:
        raise EstateError(f"The file is not JSON: {error}") from None
    if doubled:
        raise EstateError(f"{doubled}: is written twice; only the last one would count.")
    if not isinstance(content, dict):
        raise EstateError("The file is not an estate: an object with schema_version, vaults and mirrors is expected.")
    version = content.get("schema_version")
    if version != 1:
        raise EstateError(f"schema_version is {version!r}: this release reads version 1.")
    return content


def _written_twice(text: str | bytes) -> str:
    """Return a key that the object of a file has twice; empty: none. Asked again only where one may be."""
    parts = ('"vaults"', '"mirrors"')
    if all((text.count(one) if isinstance(text, str) else text.count(one.encode())) < _TWICE for one in parts):
        return ""
    whole: list[list[str]] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        """Keep the keys of the object that ends last, which is the outermost."""
        whole[:] = [[key for key, _ in pairs]]

    json.loads(text, object_pairs_hook=note)
    keys = Counter(key for found in whole for key in found)
    return next((key for key, count in keys.items() if count > 1), "")


def estate_to_json(estate: Estate) -> str:
    """Write an estate in its JSON form: what is absent is the default, unknown is ``{"$unknown": true}``."""
    document = {"schema_version": 1, **estate.model_dump(mode="json", exclude_defaults=True)}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _reasons(error: ValidationError) -> list[str]:
    """Tell each place once: a union reports one error per member."""
    seen: dict[str, ErrorDetails] = {}
    for detail in error.errors():
        place = ".".join(str(part) for part in detail["loc"][:3]) or "estate"
        seen.setdefault(place, detail)
    return [f"{place}: {_reason(detail)}" for place, detail in seen.items()]


def _reason(detail: ErrorDetails) -> str:
    """Return what is wrong in the words of a file, not of Python."""
    return _REASONS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
