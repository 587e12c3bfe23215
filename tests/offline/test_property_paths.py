"""Paths of ``ignore_changes`` and ``replace_on_changes`` as the engine's ``resource.PropertyPath`` has them.

Most rows are those of the engine's own tests (sdk/go/common/resource/properties_path_test.go).
"""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cloudbackup.engine.property_paths import changed_paths, covers, path_of, with_ignored
from pulumi_cloudbackup.engine.values import Secret

READ: dict[str, tuple[str | int, ...] | None] = {
    "root": ("root",),
    'root["nested"].deep': ("root", "nested", "deep"),
    "root.array[100][1].nested": ("root", "array", 100, 1, "nested"),
    r'["root key with \"escaped\" quotes"].nested': ('root key with "escaped" quotes', "nested"),
    '["root key with a ."][100]': ("root key with a .", 100),
    "root.[1]": ("root", 1),
    "root.array[*].field": ("root", "array", "*", "field"),
    "foo-bar": ("foo-bar",),
    "": (),
    ".root": None,
    "root.": None,
    "root[": None,
    'root["nested]': None,
    "root[abc]": None,
}


@pytest.mark.parametrize("text", READ)
def test_paths_are_read_as_the_engine_reads_them(text: str) -> None:
    assert path_of(text) == READ[text]


RESET: dict[str, tuple[str, Any, Any, Any, bool]] = {
    "a key": ("a", {"a": 1}, {"a": 2, "b": 3}, {"a": 1, "b": 3}, True),
    "a new key": ("a", {}, {"a": 2, "b": 3}, {"b": 3}, True),
    "a removed key": ("a", {"a": 1}, {}, {"a": 1}, True),
    "everything": ("*", {"a": 1, "c": 2}, {"a": 2, "b": 3}, {"a": 1, "c": 2}, True),
    "below a key": ("a.b", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 1, "c": 3}}, True),
    "below what was not there": ("a.b", {}, {"a": {"b": 2, "c": 3}}, {"a": {"c": 3}}, True),
    "below what is gone": ("a.b", {"a": {"b": 1}}, {}, {}, False),
    "below what never was": ("a.b.c", {}, {}, {}, True),
    "below a text": ("a.b.c", {"a": {"b": 1}}, {"a": "x"}, {"a": "x"}, False),
    "all of an object": ("a[*]", {"a": {"x": 1, "y": 2}}, {"a": {"x": 3, "z": 4}}, {"a": {"x": 1, "y": 2}}, True),
    "all of what was no object": ("a.*", {"a": 1}, {"a": {"x": 3}}, {"a": {"x": 3}}, True),
    "all of what is none": ("a.*", {"a": {"x": 1}}, {"a": 2}, {"a": 2}, False),
    "all of a list": ("a[*]", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [1, 2]}, True),
    "all of a longer list": ("a[*]", {"a": [1, 2]}, {"a": [3]}, {"a": [1]}, False),
    "a place": ("a[1]", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [3, 2]}, True),
    "a place beyond one": ("a[1]", {"a": [1]}, {"a": [3, 4]}, {"a": [3, 4]}, False),
    "a place beyond both": ("a[5]", {"a": [1]}, {"a": [3, 4]}, {"a": [3, 4]}, True),
    "a place below zero": ("a[-1]", {"a": [1]}, {"a": [3]}, {"a": [3]}, False),
    "below every place": (
        "a[*].x",
        {"a": [{"x": 1}, {"x": 2}]},
        {"a": [{"x": 3}, {}]},
        {"a": [{"x": 1}, {"x": 2}]},
        True,
    ),
    "below every key": ("*.x", {"a": {"x": 1}, "b": {"x": 2}}, {"a": {"x": 3}}, {"a": {"x": 1}}, False),
    "in a secret": ("a.b", {"a": Secret({"b": 1})}, {"a": Secret({"b": 2})}, {"a": Secret({"b": 1})}, True),
    "out of a secret": ("a.b", {"a": Secret({"b": 1})}, {"a": {"b": 2}}, {"a": {"b": Secret(1)}}, True),
    "no path": ("a[", {"a": 1}, {"a": 2}, {"a": 2}, True),
}


@pytest.mark.parametrize("name", RESET)
def test_what_is_ignored_is_as_it_was(name: str) -> None:
    path, olds, news, expected, works = RESET[name]
    before = repr((olds, news))
    assert with_ignored(news, olds, [path]) == (expected, [] if works else [path])
    assert repr((olds, news)) == before


def test_a_path_covers_what_lies_below_it() -> None:
    assert covers(("*",), ("#initerror",))
    assert covers(("a", "*"), ("a", 0, "b"))
    assert not covers(("a", "b"), ("a",))
    assert not covers(("a", 0), ("a", "0"))


def test_changes_are_found_as_deep_as_there_are_objects() -> None:
    olds = {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 1, "d": {}}
    news = {"a": {"x": 1, "y": 3}, "b": [1, 3, 4], "c": "1", "d": None, "e": None}
    assert {*changed_paths(olds, news)} == {("a", "y"), ("b", 1), ("b", 2), ("c",), ("d",)}
