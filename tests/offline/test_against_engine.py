"""The real engine registers what the offline monitor says it would: the same program, compared field by field."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine_harness import environment
from offline_harness import RESOURCES, hosted
from pulumi_cloudbackup.engine.registration import Registration
from pulumi_cloudbackup.engine.values import Reference, Secret
from pulumi_cloudbackup.estate import Unknown

PROGRAM = """
team = pulumi.ComponentResource("acme:index:Team", "team", None, pulumi.ResourceOptions(protect=True))
inner = pulumi.ComponentResource("acme:index:Inner", "inner", None, pulumi.ResourceOptions(parent=team))
first = Thing("first", a="x", number=2, texts=["a", "b"], secret=pulumi.Output.secret("hush"))
second = Thing("second", a=first.o, b=first.a, whole=first.id, opts=pulumi.ResourceOptions(parent=inner))
Thing("third", a="y", opts=pulumi.ResourceOptions(
    depends_on=[second], parent=first, protect=False, retain_on_delete=True, deleted_with=first,
    replace_with=[second], ignore_changes=["a"], additional_secret_outputs=["a"], delete_before_replace=True,
    custom_timeouts=pulumi.CustomTimeouts(create="5m"), aliases=[pulumi.Alias(name="old")],
))
Thing("read", a="q", opts=pulumi.ResourceOptions(id="x-1"))
Thing("child", opts=pulumi.ResourceOptions(parent=pulumi.ComponentResource("a:b:C", "c", None,
    pulumi.ResourceOptions(retain_on_delete=True, deleted_with=second))))

def transform(args):
    return pulumi.ResourceTransformResult({**args.props, "b": "changed"}, args.opts)
Thing("changed", a=first.o, opts=pulumi.ResourceOptions(transforms=[transform]))
for name in ("urn", "id", "a", "o"):
    tell(f"first.{name}", getattr(first, name))
"""


@pytest.mark.engine
def test_the_engine_registers_the_same(tmp_path: Path) -> None:
    """URN, type, parent, inputs, dependencies and options of every resource, and what the program is told."""
    offline = hosted(tmp_path, PROGRAM).ok()
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    engine, told = _previewed(tmp_path)
    mine = {one.urn: _as_state(one) for one in offline.monitor.registrations if one.name != "shop-dev"}
    assert {urn: state for urn, state in engine.items() if not urn.endswith("::shop-dev")} == mine
    assert sorted(told) == sorted(offline.told)
    assert (tmp_path / "__main__.py").read_text().startswith(RESOURCES)


def _previewed(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    env = environment(folder / "home", None)

    def pulumi(*arguments: str) -> str:
        command = ["pulumi", *arguments, "--cwd", str(folder)]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=120).stdout

    pulumi("stack", "init", "dev")
    document = json.loads(pulumi("preview", "--json", "--stack", "dev"))
    told = [f"{one['severity']}: {one['message'].strip()}" for one in document["diagnostics"]]
    states = (step["newState"] for step in document["steps"])
    return {state["urn"]: {key: state.get(key) for key in _KEYS} | _inputs(state) for state in states}, told


_KEYS = (
    "urn",
    "type",
    "custom",
    "parent",
    "protect",
    "retainOnDelete",
    "deletedWith",
    "replaceWith",
    "ignoreChanges",
    "additionalSecretOutputs",
    "customTimeouts",
    "external",
)


def _inputs(state: dict[str, Any]) -> dict[str, Any]:
    """What the engine leaves out is empty; lists of URNs have no order."""
    dependencies = {key: sorted(urns) for key, urns in (state.get("propertyDependencies") or {}).items() if urns}
    inputs = {key: value for key, value in state.get("inputs", {}).items() if key != "__provider"}
    return {
        "inputs": {key: "[secret]" if isinstance(value, dict) else value for key, value in inputs.items()},
        "dependencies": sorted(state.get("dependencies") or []),
        "propertyDependencies": dependencies,
    }


def _as_state(one: Registration) -> dict[str, Any]:
    options = one.options
    return {
        "urn": one.urn,
        "type": one.type,
        "custom": one.custom,
        "parent": one.parent or None,
        "protect": options.protect or None,
        "retainOnDelete": options.retain_on_delete or None,
        "deletedWith": options.deleted_with or None,
        "replaceWith": list(options.replace_with) or None,
        "ignoreChanges": list(options.ignore_changes) or None,
        "additionalSecretOutputs": list(options.additional_secret_outputs) or None,
        "customTimeouts": {"create": 300} if options.custom_timeouts else None,
        "external": True if one.read_id is not None else None,
        "inputs": {key: _shown(value) for key, value in one.inputs.items() if key != "__provider"},
        "dependencies": list(one.dependencies),
        "propertyDependencies": {key: list(urns) for key, urns in one.property_dependencies.items() if urns},
    }


def _shown(value: Any) -> Any:
    """Return a value as the engine prints it in a preview."""
    if isinstance(value, Unknown):
        return "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    if isinstance(value, Secret):
        return "[secret]"
    assert not isinstance(value, Reference)
    return value
