"""YAML and configuration values as the Pulumi CLI gives them to a program; expectations measured on CLI 3.259.0."""

from __future__ import annotations

import pytest

from pulumi_cloudbackup.engine.documents import DocumentError, as_configuration, read


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("true", "true"),
        ("True", "true"),
        ('"true"', "true"),
        ("2026-01-02", "2026-01-02 00:00:00 +0000 UTC"),
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05 +0000 UTC"),
        ("2026-13-45", "2026-13-45"),
        ("0777", "511"),
        ("0o777", "511"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("-5", "-5"),
        ("10000000000000000000000", "1e+22"),
        ("18446744073709551615", "18446744073709551615"),
        ("1_000", "1000"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        ("1e-7", "1e-7"),
        ("0.000001", "0.000001"),
        ("1:30", "1:30"),
        ("null", ""),
        ("", ""),
        ("~", ""),
        ("x", "x"),
        ("=", "="),
        (
            '[1, 2.50, on, 2026-01-02, null, "é"]',
            '[1,2.5,"on","2026-01-02 00:00:00 +0000 UTC",null,"é"]',
        ),
        (
            '{on: on, n: 1.0, "1": x, 2: y, t: true, big: 12345678901234567}',
            '{"1":"x","2":"y","big":12345678901234567,"n":1,"on":"on","t":true}',
        ),
    ],
)
def test_values(written: str, given: str) -> None:
    """Words of YAML 1.1 stay words, numbers are written in Go's way, keys are sorted."""
    assert as_configuration(read(f"key: {written}")["key"]) == given


@pytest.mark.parametrize(
    "text",
    ["a: [", "a: b: c", "\t- x", "a: !!python/object:os.system x", "{[a]: b}", "a: \x00", "a: *nobody"],
)
def test_what_is_not_yaml(text: str) -> None:
    """One error, in one line."""
    with pytest.raises(DocumentError) as error:
        read(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[" * 50_000, "- " * 50_000, "{a: " * 101 + "}" * 101])
def test_abysses(text: str) -> None:
    """They are refused before they are built."""
    with pytest.raises(DocumentError, match="^line 1: nested more than 100 times$"):
        read(text)


def test_a_value_that_contains_itself() -> None:
    """The CLI does not take it either."""
    with pytest.raises(DocumentError, match=r"^line 2: the value of \*x contains itself$"):
        read("a: &x\n  - *x")


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "!!binary aGk=", "!!set {a}"])
def test_what_cannot_be_a_value(text: str) -> None:
    """Neither the CLI nor JSON has it."""
    with pytest.raises(DocumentError):
        as_configuration(read(text))


def test_where() -> None:
    """The error names the line."""
    with pytest.raises(DocumentError, match="^line 3: "):
        read("a: 1\nb:\n - : :\n  c")


def test_anchors_and_merges() -> None:
    """As the CLI reads them."""
    assert read("a: &a {x: 1}\nb: {<<: *a, y: 2}") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}
