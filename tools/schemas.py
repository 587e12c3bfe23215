"""Write the JSON Schemas of the files that people give us and get from us, as the models say.

    python tools/schemas.py           # write them
    python tools/schemas.py --check   # write nothing; exit code 1 if one is not as it should be

They are kept in the package, and a test compares them with what this module makes.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.estate.estate import ForeignResource, Usage
from pulumi_cloudbackup.estate.mirror import ExistingSource, MirrorVault
from pulumi_cloudbackup.estate.resource import Options
from pulumi_cloudbackup.estate.unknown import Unknown
from pulumi_cloudbackup.estate.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parent.parent / "provider" / "pulumi_cloudbackup" / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: tuple[type[BaseModel], ...] = (Estate, Vault, MirrorVault, ExistingSource, Options, Usage, ForeignResource)
_UNKNOWN = {
    "type": "object",
    "properties": {"$unknown": {"const": True}},
    "required": ["$unknown"],
    "additionalProperties": False,
}


def estate_schema() -> dict[str, Any]:
    """Return the JSON Schema of estate files."""
    schema = Estate.model_json_schema(mode="validation")
    definitions = schema.pop("$defs")
    for model in _MODELS:
        described = schema if model is Estate else definitions[model.__name__]
        for name, text in _docstrings(model):
            if name in described["properties"]:
                described["properties"][name]["description"] = text
    definitions["Unknown"] = {"description": inspect.getdoc(Unknown), **_UNKNOWN}
    schema["required"] = ["schema_version"]
    return {"$schema": _DIALECT, **_plain(schema), "$defs": _plain(dict(sorted(definitions.items())))}


def as_text(schema: dict[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _docstrings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Return what the sources say of each field, base classes first."""
    for owner in reversed(model.__mro__):
        if not (issubclass(owner, BaseModel) and owner is not BaseModel):
            continue
        (definition,) = ast.parse(dedent(inspect.getsource(owner))).body
        assert isinstance(definition, ast.ClassDef)  # noqa: S101 - it is the source of a class
        for field, following in zip(definition.body, definition.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                yield field.target.id, inspect.cleandoc(str(following.value.value)).replace("``", "`")


def _plain(value: Any) -> Any:
    """Leave out the titles, which repeat names, and name the unknown value once."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value == _UNKNOWN:
        return {"$ref": "#/$defs/Unknown"}
    return {key: _plain(item) for key, item in value.items() if key != "title"}


SCHEMAS = {"estate.schema.json": estate_schema}
"""The files of the folder, and what makes each."""


def main() -> int:
    """Write or compare the schemas, as the command line says."""
    parser = argparse.ArgumentParser(description="Write the JSON Schemas of our files.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if one is not as it should be")
    arguments = parser.parse_args()
    code = 0
    for name, make in SCHEMAS.items():
        file, text = FOLDER / name, as_text(make())
        if file.is_file() and file.read_text("utf-8") == text:
            continue
        if arguments.check:
            print(f"{file} is not what the models say; run: python tools/schemas.py")
            code = 1
        else:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
            print(f"wrote {file}")
    return code


if __name__ == "__main__":
    sys.exit(main())
