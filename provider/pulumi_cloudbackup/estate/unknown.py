"""The value that a preview cannot know yet.

Decides how such a value looks inside our own code and in JSON. It must never be taken for "fine", so it has no truth
value: code that forgets to ask whether a value is known fails loudly in the tests instead of passing silently.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from pydantic_core import core_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from typing_extensions import TypeIs

T = TypeVar("T")

JSON_FORM: Final = {"$unknown": True}
"""How an unknown value is written in estate files."""


_is_refused: Final[ContextVar[bool]] = ContextVar("comparing is refused", default=False)


class UnknownComparedError(TypeError):
    """An unknown value was compared with a known one, as if it were known."""


@contextmanager
def comparing_is_refused() -> Iterator[None]:
    """Refuse to compare unknown values with known ones, to look them up or to make them texts.

    For code whose authors may forget to ask.

    Everywhere else an unknown value equals itself alone, so that estates can be compared.
    """
    token = _is_refused.set(True)
    try:
        yield
    finally:
        _is_refused.reset(token)


@final
class Unknown:
    """A value known only after apply; there is one instance, ``UNKNOWN``."""

    _instance: Unknown | None = None

    def __new__(cls) -> Unknown:
        """Return the one instance, so that ``is`` works after copying and unpickling too."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        """Say it in the words that reports use."""
        return "<known only after apply>"

    def __str__(self) -> str:
        """Return the same; raise UnknownComparedError inside ``comparing_is_refused``, where a text would be judged."""
        if _is_refused.get():
            raise UnknownComparedError("a value that is known only after apply is made a text: ask is_known() first")
        return repr(self)

    def __format__(self, format_spec: str) -> str:
        """Return the same, padded as asked; raise UnknownComparedError as ``str`` does."""
        return format(str(self), format_spec)

    def __bool__(self) -> bool:
        """Refuse a truth value: ask ``is_known`` first."""
        raise UnknownComparedError("an unknown value is neither true nor false: ask is_known() first")

    def __eq__(self, other: object) -> bool:
        """Say whether the other one is unknown too; raise UnknownComparedError inside ``comparing_is_refused``."""
        if self is not other and _is_refused.get():
            raise UnknownComparedError("a value that is known only after apply is compared: ask is_known() first")
        return self is other

    def __hash__(self) -> int:
        """Return the hash of the one instance; raise UnknownComparedError inside ``comparing_is_refused``."""
        if _is_refused.get():
            raise UnknownComparedError("a value that is known only after apply is looked up: ask is_known() first")
        return id(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Accept the instance itself and its JSON form."""

        def validate(value: Any) -> Unknown:
            if isinstance(value, cls) or value == JSON_FORM:
                return UNKNOWN
            raise ValueError('is not {"$unknown": true}')

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: JSON_FORM, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the JSON form."""
        return {
            "type": "object",
            "properties": {"$unknown": {"const": True}},
            "required": ["$unknown"],
            "additionalProperties": False,
        }


UNKNOWN: Final = Unknown()
"""The value that a preview cannot know yet."""


def is_known(value: T | Unknown) -> TypeIs[T]:
    """Whether a value is known now."""
    return value is not UNKNOWN


def holds_unknown(value: object) -> bool:
    """Whether a value, or anything inside it, is not known now."""
    if isinstance(value, dict):
        return any(map(holds_unknown, value.values()))
    return any(map(holds_unknown, value)) if isinstance(value, list | tuple) else value is UNKNOWN
