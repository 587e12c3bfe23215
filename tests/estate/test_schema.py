"""The JSON Schema of estate files: generated from the models, kept in the package, and true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import schemas
from pulumi_cloudbackup.estate import EstateError, estate_from_json

EXAMPLE = """
{"schema_version": 1, "account": "default",
 "vaults":  [{"name": "orders", "region_id": "cn-hangzhou", "vault_type": "STANDARD", "encrypt_type": "HBR_PRIVATE",
              "id": "v-0001", "status": "CREATED", "force_destroy": true, "aliases": ["old-name"]}],
 "mirrors": [{"name": "orders-dr", "source": "orders", "region_id": "cn-shanghai"}]}
"""
"""The example in the design."""
CASES = json.loads((Path(__file__).parent.parent / "rules" / "estates.json").read_text())
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:  # noqa: C901, PLR0912 - a case a word
    """Whether a value is valid; the few words of JSON Schema that pydantic writes here, and no other."""
    for word, wanted in schema.items():
        match word:
            case "$ref":
                holds = fits(value, root["$defs"][wanted.rpartition("/")[2]], root)
            case "anyOf":
                holds = any(fits(value, one, root) for one in wanted)
            case "const":
                holds = value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
            case "enum":
                holds = value in wanted
            case "type" if wanted in ("integer", "number"):
                number = int if wanted == "integer" else (int, float)
                holds = isinstance(value, number) and not isinstance(value, bool)
            case "type":
                holds = isinstance(value, KINDS[wanted])
            case "required":
                holds = not isinstance(value, dict) or {*wanted} <= value.keys()
            case "properties":
                holds = all(fits(value[key], one, root) for key, one in wanted.items() if key in value)
            case "additionalProperties":
                more = value.keys() - schema.get("properties", {}).keys()
                holds = not more if wanted is False else all(fits(value[key], wanted, root) for key in more)
            case "items":
                holds = all(fits(one, wanted, root) for one in value)
            case "minLength":
                holds = len(value) >= wanted
            case "exclusiveMinimum":
                holds = value > wanted
            case "$schema" | "$defs" | "description" | "default":
                holds = True
            case _:
                raise AssertionError(f"{word} is not known here")
        if not holds:
            return False
    return True


def valid(document: Any) -> bool:
    schema = schemas.estate_schema()
    return fits(document, schema, schema)


def test_the_committed_schemas() -> None:
    """They are what the models say; mend them with `python tools/schemas.py`."""
    for name, make in schemas.SCHEMAS.items():
        assert (schemas.FOLDER / name).read_text("utf-8") == schemas.as_text(make())


def test_every_field_says_what_it_is() -> None:
    """An editor shows it; only what the name says already is left out."""
    schema = schemas.estate_schema()
    silent = {
        f"{model}.{name}"
        for model, definition in (("Estate", schema), *schema["$defs"].items())
        if model != "Unknown"
        for name, field in definition["properties"].items()
        if "description" not in field
    }
    assert silent == {
        "Estate.vaults",
        "Estate.mirrors",
        *(f"ForeignResource.{name}" for name in ("urn", "depends_on", "action")),
    }


@pytest.mark.parametrize("document", [json.loads(EXAMPLE), *(case["estate"] for case in CASES)])
def test_what_is_valid(document: Any) -> None:
    """The example, and every estate that the rules are tested with."""
    assert valid(document)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="no version"),
        pytest.param({"schema_version": 2}, id="another version"),
        pytest.param({"schema_version": 1, "vault": []}, id="a misspelt key"),
        pytest.param({"schema_version": 1, "vaults": {}}, id="no list"),
        pytest.param({"schema_version": 1, "vaults": [{"name": "a"}]}, id="no region"),
        pytest.param({"schema_version": 1, "vaults": [{"name": "", "region_id": "x"}]}, id="no name"),
        pytest.param({"schema_version": 1, "vaults": [{"name": "a", "region_id": 5}]}, id="a number"),
        pytest.param(
            {"schema_version": 1, "vaults": [{"name": "a", "region_id": {"$unknown": False}}]}, id="not unknown"
        ),
        pytest.param({"schema_version": 1, "mirrors": [{"name": "a", "region_id": "x"}]}, id="no source"),
        pytest.param(
            {"schema_version": 1, "mirrors": [{"name": "a", "region_id": "x", "source": {}}]}, id="empty source"
        ),
        pytest.param({"schema_version": 1, "vaults": [{"name": "a", "region_id": "x", "timeout": 0}]}, id="no time"),
        pytest.param({"schema_version": 1, "foreign": [{"urn": "u", "action": "x"}]}, id="no action"),
    ],
)
def test_what_is_not_valid(document: Any) -> None:
    """The schema refuses what the models refuse."""
    assert not valid(document)
    with pytest.raises(EstateError):
        estate_from_json(json.dumps(document))
