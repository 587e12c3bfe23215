"""Each ready policy: what breaks it, what it is content with, what it does not know yet, and whom it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_cloudbackup import policies
from pulumi_cloudbackup.estate import Estate
from pulumi_cloudbackup.planning import plan
from pulumi_cloudbackup.policies import Policy, PolicyError, Proposal, judge_policies

UNKNOWN = {"$unknown": True}
PROD = {"env": "prod"}


def estate(*entries: dict[str, Any], **more: Any) -> Estate:
    return Estate.model_validate(
        {
            "vaults": [one for one in entries if "source" not in one],
            "mirrors": [one for one in entries if "source" in one],
            **more,
        }
    )


def vault(name: str = "orders", **more: Any) -> dict[str, Any]:
    return {"name": name, "region_id": "cn-hangzhou", **more}


def mirror(name: str = "orders-dr", **more: Any) -> dict[str, Any]:
    return {"name": name, "source": "orders", "region_id": "cn-shanghai", **more}


def there(one: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**one, "id": f"v-{one['name']}", "status": "CREATED", **more}


def told(policy: Policy, desired: Estate, current: Estate | None = None) -> list[str]:
    """Return who breaks a policy, or who may: ``orders?``; of a violation about nobody alone its first words."""
    made = plan(current, desired) if current is not None else None
    verdict = judge_policies([policy], Proposal(desired, current, made))
    assert {problem.code for problem in verdict.problems} <= {policy.name}
    assert all(problem.detail and not problem.summary.endswith(".") for problem in verdict.problems)
    broken = [one.subjects[0] if one.subjects else one.detail.partition(":")[0] for one in verdict.problems]
    return [*broken, *(f"{one.subject}?" for one in verdict.not_yet_known)]


LATER = {"id": UNKNOWN, "region_id": "cn-hangzhou"}
"""A source of which nobody knows yet which vault it is."""
ANYWHERE = {"id": UNKNOWN, "region_id": UNKNOWN}
FOREIGN = {"id": "v-1", "region_id": "cn-hangzhou"}
"""A source that somebody else declares."""

DECLARED: list[tuple[Policy, Estate, list[str]]] = [
    (policies.every_vault_is_mirrored(), estate(vault()), ["orders"]),
    (policies.every_vault_is_mirrored(), estate(vault(), mirror()), []),
    (policies.every_vault_is_mirrored(tags=PROD), estate(vault(), vault("b", tags=PROD)), ["b"]),
    (policies.every_vault_is_mirrored(tags=PROD), estate(vault(tags=UNKNOWN)), ["orders?"]),
    (policies.every_vault_is_mirrored(tags=PROD), estate(vault(tags={"env": UNKNOWN})), ["orders?"]),
    (policies.every_vault_is_mirrored(tags=PROD), estate(vault(tags={"env": "dev"})), []),
    (policies.every_vault_is_mirrored(), estate(vault(vault_type="OTS_BACKUP")), []),
    (policies.every_vault_is_mirrored(), estate(vault(vault_type=UNKNOWN)), ["orders?"]),
    (policies.every_vault_is_mirrored(except_for=["orders"]), estate(vault()), []),
    (policies.every_vault_is_mirrored(), estate(vault(managed_by="other")), []),
    (
        policies.every_vault_is_mirrored(),
        estate(vault(account="a"), mirror(account="b", source={"id": "x", "region_id": "r"})),
        ["orders"],
    ),
    (
        policies.every_vault_is_mirrored(),
        estate(there(vault()), mirror(source={"id": "v-orders", "region_id": "cn-hangzhou"})),
        [],
    ),
    (policies.regions_are_allowed(vaults=["cn-beijing"]), estate(vault(), mirror()), ["orders"]),
    (policies.regions_are_allowed(mirrors=["cn-beijing"]), estate(vault(), mirror()), ["orders-dr"]),
    (policies.regions_are_allowed(vaults=["cn-hangzhou"], mirrors=["cn-shanghai"]), estate(vault(), mirror()), []),
    (policies.regions_are_allowed(vaults=["a"]), estate(vault(region_id=UNKNOWN)), ["orders?"]),
    (policies.pairs_are_allowed([("cn-hangzhou", "cn-beijing")]), estate(vault(), mirror()), ["orders-dr"]),
    (policies.pairs_are_allowed([("cn-hangzhou", "cn-shanghai")]), estate(vault(), mirror()), []),
    (policies.pairs_are_allowed([]), estate(vault(), mirror()), ["orders-dr"]),
    (policies.pairs_are_allowed([]), estate(vault(region_id=UNKNOWN), mirror()), ["orders-dr?"]),
    (policies.pairs_are_allowed([]), estate(mirror(source={"id": "v-1", "region_id": "cn-hangzhou"})), ["orders-dr"]),
    (policies.mirrors_are_in_another_jurisdiction(), estate(vault(), mirror()), ["orders-dr"]),
    (policies.mirrors_are_in_another_jurisdiction(), estate(vault(), mirror(region_id="cn-hongkong")), []),
    (policies.mirrors_are_in_another_jurisdiction(), estate(vault(), mirror(region_id="nowhere")), ["orders-dr"]),
    (
        policies.mirrors_are_in_another_jurisdiction(jurisdictions={"nowhere": "Sealand"}),
        estate(vault(), mirror(region_id="nowhere")),
        [],
    ),
    (policies.mirrors_are_in_another_jurisdiction(tags=PROD), estate(vault(), mirror()), []),
    (policies.mirrors_are_in_another_jurisdiction(tags=PROD), estate(vault(tags=PROD), mirror()), ["orders-dr"]),
    (policies.mirrors_are_in_another_jurisdiction(tags=PROD), estate(vault(tags=UNKNOWN), mirror()), ["orders-dr?"]),
    (policies.kms_is_used(), estate(vault(), mirror()), ["orders", "orders-dr"]),
    (policies.kms_is_used(), estate(vault(encrypt_type="KMS", kms_key_id="k"), mirror()), []),
    (policies.kms_is_used(tags=PROD), estate(vault(), mirror()), []),
    (policies.kms_is_used(tags=PROD), estate(vault(tags=UNKNOWN), mirror()), ["orders?"]),
    (policies.kms_is_used(tags=PROD, except_for=["orders"]), estate(vault(tags=UNKNOWN), mirror()), ["orders-dr?"]),
    (policies.kms_is_used(except_for=["orders"]), estate(vault(), mirror()), ["orders-dr"]),
    (policies.kms_is_used(except_for=["orders-dr"]), estate(vault(), mirror()), ["orders"]),
    (policies.kms_is_used(), estate(vault(encrypt_type=UNKNOWN)), ["orders?"]),
    (policies.kms_is_used(), estate(mirror(source={"id": "v-1", "region_id": "r"}, encrypt_type="KMS")), []),
    (policies.kms_is_used(), estate(mirror(source={**FOREIGN, "encrypt_type": "KMS"}, kms_key_id="k")), []),
    (policies.kms_is_used(), estate(mirror(source={**FOREIGN, "encrypt_type": "HBR_PRIVATE"})), ["orders-dr"]),
    (policies.kms_is_used(), estate(mirror(source={**FOREIGN, "encrypt_type": UNKNOWN})), ["orders-dr?"]),
    (policies.kms_is_used(), estate(mirror(source=FOREIGN)), ["orders-dr?"]),
    (policies.kms_is_used(), estate(mirror(source={**LATER, "encrypt_type": "KMS"})), []),
    (
        policies.kms_is_used(),
        estate(mirror(source={**FOREIGN, "encrypt_type": "KMS"}, encrypt_type="HBR_PRIVATE")),
        ["orders-dr"],
    ),
    (policies.kms_is_used(), estate(vault(managed_by="other"), mirror()), ["orders-dr"]),
    (policies.pairs_are_allowed([]), estate(mirror(source={**FOREIGN, "region_id": UNKNOWN})), ["orders-dr?"]),
    (policies.pairs_are_allowed([]), estate(mirror()), ["orders-dr?"]),
    (policies.pairs_are_allowed([]), estate(vault(managed_by="other"), mirror()), ["orders-dr"]),
    (policies.mirrors_are_in_another_jurisdiction(), estate(mirror()), ["orders-dr?"]),
    (policies.vaults_are_immutable(), estate(vault(), vault("b", worm_enabled=True)), ["orders"]),
    (policies.vaults_are_immutable(), estate(vault(worm_enabled=UNKNOWN)), ["orders?"]),
    (policies.tags_are_given("owner", "env"), estate(vault(tags={"env": "prod", "owner": ""})), ["orders"]),
    (policies.tags_are_given("env"), estate(vault(tags=PROD), mirror()), []),
    (policies.tags_are_given("env"), estate(vault(tags=UNKNOWN)), ["orders?"]),
    (policies.tags_are_given("env"), estate(vault(tags={"env": UNKNOWN})), ["orders?"]),
    (policies.tags_are_given("env", "team"), estate(vault(tags={"env": UNKNOWN})), ["orders", "orders?"]),
    (policies.names_match(vaults="bk-.*"), estate(vault(), vault("bk-a")), ["orders"]),
    (policies.names_match(mirrors=r"\[COPY\]-orders"), estate(vault(), mirror()), []),
    (policies.names_match(mirrors=r"\[COPY\]-v-1"), estate(mirror(source=FOREIGN)), []),
    (policies.names_match(mirrors=r"\[COPY\]-x"), estate(mirror(source={**FOREIGN, "vault_name": "x"})), []),
    (policies.names_match(mirrors="x"), estate(mirror(source={**FOREIGN, "vault_name": "x"})), ["orders-dr"]),
    (policies.names_match(mirrors="x"), estate(mirror(source={**FOREIGN, "vault_name": UNKNOWN})), ["orders-dr?"]),
    (policies.names_match(mirrors="x"), estate(mirror(source=LATER)), ["orders-dr?"]),
    (policies.names_match(mirrors="x"), estate(mirror()), ["orders-dr?"]),
    (policies.names_match(mirrors=r"\[COPY\]-orders"), estate(vault(managed_by="other"), mirror()), []),
    (policies.names_match(mirrors="x"), estate(vault(), mirror(vault_name="y")), ["orders-dr"]),
    (policies.every_vault_is_mirrored(), estate(vault(), mirror("x-dr", source=LATER)), ["x-dr?"]),
    (policies.every_vault_is_mirrored(), estate(vault(), mirror("x-dr", source=ANYWHERE)), ["x-dr?"]),
    (policies.every_vault_is_mirrored(), estate(vault(region_id=UNKNOWN), mirror("x-dr", source=LATER)), ["x-dr?"]),
    (policies.every_vault_is_mirrored(), estate(vault(), mirror("x-dr", source=LATER, account="b")), ["orders"]),
    (
        policies.every_vault_is_mirrored(),
        estate(vault(), mirror("x-dr", source={**LATER, "region_id": "cn-beijing"})),
        ["orders"],
    ),
    (
        policies.every_vault_is_mirrored(),
        estate(vault(), vault("b"), vault("c"), mirror("x-dr", source=ANYWHERE)),
        ['At least 2 of the vaults "orders", "b" and "c" have no mirror vault', "x-dr?"],
    ),
    (
        policies.every_vault_is_mirrored(),
        estate(vault(), vault("b"), mirror("x-dr", source=ANYWHERE), mirror("y-dr", source=LATER)),
        ["x-dr?", "y-dr?"],
    ),
    (
        policies.every_vault_is_mirrored(),
        estate(
            vault(),
            vault("b"),
            vault("c", region_id="cn-beijing"),
            mirror("x-dr", source=LATER),
            mirror("y-dr", source={**LATER, "region_id": "cn-beijing"}),
        ),
        ['At least 1 of the vaults "orders" and "b" has no mirror vault', "x-dr?", "y-dr?"],
    ),
    (
        policies.every_vault_is_mirrored(),
        estate(vault(account="a"), vault("b", account="b"), vault("c", account="b"), mirror(source=LATER, account="b")),
        ["orders", 'At least 1 of the vaults "b" and "c" has no mirror vault', "orders-dr?"],
    ),
    (policies.kms_is_used(tags=PROD), estate(mirror("x-dr", source=LATER)), ["x-dr?"]),
    (policies.mirrors_are_in_another_jurisdiction(tags=PROD), estate(mirror("x-dr", source=LATER)), ["x-dr?"]),
]


@pytest.mark.parametrize(
    ("policy", "desired", "broken_by"), DECLARED, ids=[f"{n}-{one[0].name}" for n, one in enumerate(DECLARED)]
)
def test_of_what_is_declared(policy: Policy, desired: Estate, broken_by: list[str]) -> None:
    assert told(policy, desired) == broken_by


PAIR = estate(there(vault(tags=PROD), holds_data=False), there(mirror()))
FULL = estate(there(vault(tags=PROD, force_destroy=True), holds_data=True), there(mirror()))
LEFT = vault(id="v-0", status="CREATED", holds_data=False, force_destroy=True, pending_delete=True)
"""What an earlier update replaced and did not delete: it has the URN of its successor."""
BESIDE = estate(there(vault(tags=PROD, force_destroy=True), holds_data=True), LEFT)
EMPTY_PAIR = estate(there(vault(), bytes_stored=0, holds_data=False), there(mirror()))
UPDATES: list[tuple[Policy, Estate, Estate, list[str]]] = [
    (policies.data_is_not_lost(), BESIDE, estate(), ["orders"]),
    (policies.data_is_not_lost(), BESIDE, estate(vault(region_id="cn-beijing")), ["orders"]),
    (policies.data_is_not_lost(), BESIDE, estate(vault(tags=PROD, force_destroy=True)), []),
    (policies.nothing_is_deleted(tags=PROD), BESIDE, estate(), ["orders"]),
    (policies.nothing_is_deleted(tags=PROD), BESIDE, estate(vault(tags=PROD, force_destroy=True)), []),
    (policies.nothing_is_deleted(), BESIDE, estate(vault(tags=PROD, force_destroy=True)), ["orders"]),
    (
        policies.data_is_not_lost(),
        estate(there(vault(), holds_data=False), LEFT, {**LEFT, "id": "v-00", "holds_data": True}),
        estate(vault()),
        ["orders"],
    ),
    (policies.data_is_not_lost(), estate({**LEFT, "holds_data": True}), estate(vault()), ["orders"]),
    (
        policies.data_is_not_lost(),
        estate({**LEFT, "holds_data": True, "options": {"retain_on_delete": True}}),
        estate(vault()),
        [],
    ),
    (policies.data_is_not_lost(), estate(there(vault(), holds_data=UNKNOWN, force_destroy=True)), estate(), ["orders"]),
    (
        policies.data_is_not_lost(),
        estate(there(vault(), holds_data=False, bytes_stored=1, force_destroy=True)),
        estate(),
        ["orders"],
    ),
    (policies.data_is_not_lost(), estate(there(vault(), status="GONE")), estate(), []),
    (policies.data_is_not_lost(), estate(there(vault(), pending_replacement=True)), estate(vault()), []),
    (
        policies.exposure_is_at_most(5),
        estate(there(vault()), {**LEFT, "name": "orders"}, there(mirror())),
        estate(vault("sales", aliases=["orders"])),
        ["sales"],
    ),
    (
        policies.exposure_is_at_most(5),
        estate(there(vault(account="a")), there(vault(account="b"), id="v-b"), there(mirror(account="a"))),
        estate(vault(account="a"), vault(account="b")),
        ["orders"],
    ),
    (
        policies.exposure_is_at_most(5),
        estate(there(vault()), there(vault("b")), there(mirror()), there(mirror("b-dr", source="b"))),
        estate(vault(), vault("b"), mirror("x-dr", source=ANYWHERE)),
        ['At least 1 of the vaults "orders" and "b" loses its mirror vault for good', "x-dr?"],
    ),
    (
        policies.exposure_is_at_most(5),
        estate(there(vault()), there(mirror())),
        estate(vault(), mirror("x-dr", source=ANYWHERE, account="b")),
        ["orders"],
    ),
    (policies.nothing_is_deleted(), PAIR, estate(vault(), mirror()), []),
    (policies.nothing_is_deleted(), PAIR, estate(vault()), ["orders-dr"]),
    (policies.nothing_is_deleted(including_mirrors=False), PAIR, estate(vault()), []),
    (policies.nothing_is_deleted(), PAIR, estate(vault(region_id="cn-beijing"), mirror()), ["orders", "orders-dr"]),
    (policies.nothing_is_deleted(tags={"env": "dev"}, including_mirrors=False), PAIR, estate(), []),
    (policies.nothing_is_deleted(tags=PROD, including_mirrors=False), PAIR, estate(), ["orders"]),
    (policies.data_is_not_lost(), PAIR, estate(), []),
    (policies.data_is_not_lost(), FULL, estate(), ["orders"]),
    (policies.data_is_not_lost(except_for=["orders"]), FULL, estate(), []),
    (policies.data_is_not_lost(), estate(there(vault())), estate(), ["orders"]),
    (policies.data_is_not_lost(), estate(there(vault(), holds_data=True)), estate(vault()), []),
    (
        policies.data_is_not_lost(),
        estate(there(vault(), holds_data=True, options={"retain_on_delete": True})),
        estate(),
        [],
    ),
    (policies.exposure_is_at_most(60), PAIR, estate(vault(), mirror(region_id="cn-beijing")), ["orders"]),
    (policies.exposure_is_at_most(120), PAIR, estate(vault(), mirror(region_id="cn-beijing")), ["orders?"]),
    (policies.exposure_is_at_most(120), EMPTY_PAIR, estate(vault(), mirror(region_id="cn-beijing")), []),
    (policies.exposure_is_at_most(120), EMPTY_PAIR, estate(vault(), mirror("new-dr")), ["orders?"]),
    (policies.exposure_is_at_most(60), EMPTY_PAIR, estate(vault(), mirror("new-dr")), ["orders"]),
    (policies.exposure_is_at_most(5), estate(there(vault()), there(mirror())), estate(vault()), ["orders"]),
    (policies.exposure_is_at_most(5), estate(there(vault()), there(mirror())), estate(), []),
    (
        policies.exposure_is_at_most(5),
        estate(there(vault()), there(mirror())),
        estate(mirror(source={"id": "v-orders", "region_id": "cn-hangzhou"})),
        [],
    ),
    (
        policies.exposure_is_at_most(5, except_for=["orders"]),
        estate(there(vault()), there(mirror())),
        estate(vault()),
        [],
    ),
    (
        policies.exposure_is_at_most(5),
        estate(there(vault()), there(mirror())),
        estate(vault(), mirror(source=LATER)),
        ["orders-dr?"],
    ),
]


@pytest.mark.parametrize(
    ("policy", "current", "desired", "broken_by"), UPDATES, ids=[f"{n}-{one[0].name}" for n, one in enumerate(UPDATES)]
)
def test_of_updates(policy: Policy, current: Estate, desired: Estate, broken_by: list[str]) -> None:
    assert told(policy, desired, current) == broken_by


_ALL = {one[0].name: one[0] for one in DECLARED} | {one[0].name: one[0] for one in UPDATES}
_OPEN: dict[str, Any] = dict.fromkeys(("region_id", "encrypt_type", "kms_key_id", "vault_name", "description"), UNKNOWN)
_OPEN_VAULT = vault(**{**_OPEN, "vault_type": UNKNOWN, "tags": {"env": UNKNOWN}, "worm_enabled": UNKNOWN})


@pytest.mark.parametrize("name", _ALL)
def test_they_ask_before_they_compare(name: str) -> None:
    """Where nothing is known yet, they say so or find something; none compares what it does not know."""
    desired = estate(_OPEN_VAULT, mirror(**_OPEN))
    for current in (None, estate(there(vault()), there(mirror()))):
        made = plan(current, desired) if current is not None else None
        verdict = judge_policies([_ALL[name]], Proposal(desired, current, made))
        assert not [one.detail for one in verdict.problems if "compares" in one.detail or "raised" in one.detail]


def test_without_an_update_they_are_left_out() -> None:
    verdict = judge_policies([policies.data_is_not_lost(), policies.tags_are_given("a")], Proposal(estate()))
    assert (verdict.left_out, verdict.passed) == (("data-is-not-lost",), ("tags-are-given",))


WRONG: dict[str, Callable[[], Any]] = {
    "except_for is a list of texts, and not the text 'orders-dr': write ['orders-dr'].": lambda: policies.kms_is_used(
        except_for="orders-dr"
    ),
    "except_for is a list of texts, and 3 is none.": lambda: policies.data_is_not_lost(except_for=[3]),  # type: ignore[list-item]
    "except_for is a list of texts, and no int.": lambda: policies.data_is_not_lost(except_for=3),  # type: ignore[arg-type]
    "vault_types is a list of texts, and not the text": lambda: policies.every_vault_is_mirrored(
        vault_types="STANDARD"
    ),
    "mirrors is a list of texts, and not the text": lambda: policies.regions_are_allowed(mirrors="cn-beijing-2"),
    "regions_are_allowed() needs vaults=[...] or mirrors=[...]": policies.regions_are_allowed,
    "names_match() needs vaults=PATTERN or mirrors=PATTERN": policies.names_match,
    "pairs is a list of pairs, such as": lambda: policies.pairs_are_allowed("cn-hangzhou"),  # type: ignore[arg-type]
    "pairs is a list of pairs of texts, and 'ab' is none.": lambda: policies.pairs_are_allowed(["ab"]),  # type: ignore[list-item]
    "the keys of tags_are_given() is a list of texts, and ['a'] is none.": lambda: policies.tags_are_given(["a"]),  # type: ignore[arg-type]
    "tags is a dictionary such as {'env': 'prod'}, and no str.": lambda: policies.kms_is_used(tags="env"),  # type: ignore[arg-type]
    "tags is a dictionary of texts, and 'env': 1 is none.": lambda: policies.kms_is_used(tags={"env": 1}),  # type: ignore[dict-item]
    "minutes is a number of 0 or more, and not '60'.": lambda: policies.exposure_is_at_most("60"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("words", WRONG)
def test_arguments_that_would_make_them_content(words: str) -> None:
    with pytest.raises(PolicyError) as error:
        WRONG[words]()
    assert str(error.value).startswith(words)


def test_what_they_cannot_be_made_of() -> None:
    with pytest.raises(PolicyError, match="is no regular expression"):
        policies.names_match(vaults="(")
    with pytest.raises(PolicyError, match="needs the key of a tag"):
        policies.tags_are_given()


def test_every_ready_policy_is_tried_here() -> None:
    made = {one[0].name for one in DECLARED} | {one[0].name for one in UPDATES}
    ready = {name.replace("_", "-") for name in policies.__all__ if name[0].islower()}
    assert ready - made == {"judge-policies", "jurisdiction-of", "policies-in", "policy"}
