"""From a case to the program that declares the same: real classes, real options, one program for many cases."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

Case = dict[str, Any]

CASES: list[Case] = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
HEAD = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider
from pulumi_cloudbackup import ExistingVault, MirrorVault, Vault

class LaterProvider(ResourceProvider):
    def create(self, props):
        return CreateResult("later", {"text": "cn-shanghai"})

class Later(Resource):
    text: pulumi.Output[str]
    def __init__(self, name):
        super().__init__(LaterProvider(), name, {"text": None})

class Group(pulumi.ComponentResource):
    def __init__(self, kind, name):
        super().__init__(f"acme:index:{kind}", name)
"""
"""What every program begins with; the text of a ``Later`` is known only after apply."""
_UNKNOWN = {"$unknown": True}
_IDS = ("adopt_id", "allow_last_copy_loss")


def program_of(cases: dict[str, Case]) -> str:
    """Return the program of several cases; the prefix of each goes before its names and ids."""
    text = "\n".join(line for prefix, case in cases.items() for line in _lines(prefix, case))
    later = 'later = Later("later").text\n' if "later" in text else ""
    return f"{HEAD}\n{later}{text}\n"


def settings_of(cases: dict[str, Case]) -> dict[str, str]:
    """Return the stack configuration of several cases, as texts."""
    found: dict[str, Any] = {}
    for prefix, case in cases.items():
        for key, value in case.get("settings", {}).items():
            if key == "waivers":
                found.setdefault(key, []).extend({**one, "resource": prefix + one["resource"]} for one in value)
            else:
                found[key] = value
    return {f"cloudbackup:{key}": json.dumps(value) for key, value in found.items()}


def _lines(prefix: str, case: Case) -> list[str]:
    """Return the statements of one case; resources that share a name are below a component per account."""
    estate = case["estate"]
    resources = [("Vault", one) for one in estate.get("vaults", ())]
    resources += [("MirrorVault", one) for one in estate.get("mirrors", ())]
    shared = {name for name, count in Counter((kind, one["name"]) for kind, one in resources).items() if count > 1}
    lines, groups, known = ["r = {}"], set(), {one["name"] for kind, one in resources if kind == "MirrorVault"}
    for kind, one in resources:
        arguments = {key: value for key, value in one.items() if key not in ("name", "options", "source")}
        options = dict(one.get("options", {}))
        account = one.get("account", "")
        if (kind, one["name"]) in shared:
            if account not in groups:
                lines.append(f"g_{account} = Group({account!r}, {prefix + account!r})")
                groups.add(account)
            options["parent"] = f"g_{account}"
        written = [repr(prefix + one["name"])]
        if kind == "MirrorVault":
            written.append(f"source={_source(prefix, one, known)}")
        written += [f"{key}={_value(prefix, key, value)}" for key, value in arguments.items()]
        if options:
            written.append(f"opts=pulumi.ResourceOptions({', '.join(map(_option, options, options.values()))})")
        lines.append(f"r[{_key(kind, one)}] = {kind}({', '.join(written)})")
    return lines


def _key(kind: str, one: dict[str, Any]) -> str:
    return repr((kind, one["name"], one.get("account") if isinstance(one.get("account"), str) else None))


def _source(prefix: str, mirror: dict[str, Any], mirrors: set[str]) -> str:
    source = mirror["source"]
    if not isinstance(source, str):
        return f"ExistingVault({', '.join(f'{key}={_value(prefix, key, value)}' for key, value in source.items())})"
    kind = "MirrorVault" if source in mirrors and source != mirror["name"] else "Vault"
    # The vault of the mirror's own account, or else the only one of that name.
    account = mirror.get("account")
    return f"r.get({(kind, source, account)!r}) or next(v for k, v in r.items() if k[:2] == {(kind, source)!r})"


def _value(prefix: str, key: str, value: Any) -> str:
    if value == _UNKNOWN:
        return "later"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {_value('', '', item)}" for name, item in value.items()) + "}"
    if key in ("id", *_IDS) and isinstance(value, str) and value:
        return repr(prefix + value)
    return repr(value)


def _option(key: str, value: Any) -> str:
    if key == "deleted_with":
        return f"deleted_with=next(v for k, v in r.items() if k[:2] == {('Vault', value)!r})"
    return f"{key}={value if key == 'parent' else repr(value)}"
