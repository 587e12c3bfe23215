from __future__ import annotations

import pytest

from pulumi_cloudbackup.resources.refusal import Refusal
from pulumi_cloudbackup.resources.session import Session
from pulumi_cloudbackup.resources.settings import judging_from, misspelt


@pytest.mark.parametrize(
    ("written", "enforce"), [({}, True), ({"enforce": ""}, True), ({"enforce": "true"}, True), ({"enforce": "False"}, False)]
)  # fmt: skip
def test_enforce(written: dict[str, str], enforce: bool) -> None:
    """Errors stop a program unless the stack says otherwise."""
    assert judging_from(written).enforce is enforce
    assert Session(written).judging.enforce is enforce
    assert judging_from(written).strict is False


@pytest.mark.parametrize("written", ["no", "0", "disabled"])
def test_what_is_neither_true_nor_false_is_refused(written: str) -> None:
    """A guess could switch the rules off."""
    with pytest.raises(Refusal, match=f"cloudbackup:enforce is '{written}'. Set it to true or false."):
        judging_from({"enforce": written})


def test_enforce_is_a_setting() -> None:
    assert misspelt(["cloudbackup:enforce"]) == []
