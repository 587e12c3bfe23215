"""Reports of plans: text for a person, Markdown for a pull request, JSON there and back, and its schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_cloudbackup.estate import UNKNOWN, ExistingSource
from pulumi_cloudbackup.estate.moment import duration
from pulumi_cloudbackup.planning.plan import Action, Exposure, FieldChange, Op, Peak, Plan, Reason, Stage, Step
from pulumi_cloudbackup.reports.plan_document import json_of_value
from pulumi_cloudbackup.reports.plans import (
    PlanFileError,
    json_of_plan,
    plan_as_json,
    plan_as_markdown,
    plan_as_text,
    plan_from_json,
    plan_schema,
    summary_of,
)
from pulumi_cloudbackup.rules import Problem, Severity
from reports import samples
from reports.samples import ALL, EMPTY, EVIL, FIRST, LOSS, NOTHING, RENAME, change, step, urn

SAMPLES = [pytest.param(plan, id=name) for name, plan in ALL.items()]


@pytest.mark.parametrize("file", [pytest.param(file, id=file.name) for file in samples.reports()])
def test_golden(file: Path) -> None:
    """Reports, docs/plan.md and the schema are what is kept, byte for byte (`python tests/reports/samples.py --write`)."""
    assert file.read_bytes().decode() == samples.reports()[file]


def test_no_golden_file_is_left_over() -> None:
    """Each is compared."""
    assert set(samples.reports()) - {samples.SCHEMA, samples.PAGE} == set(samples.GOLDEN.iterdir())


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_same_plan_gives_the_same_bytes(seed: str) -> None:
    """In another process, whatever its hash seed is."""
    script = "from reports.samples import reports; import sys; sys.stdout.write(repr(list(reports().values())))"
    root = Path(samples.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == repr(list(samples.reports().values()))


def test_the_order_of_a_text() -> None:
    """What is lost comes first, the counts come last."""
    everything = replace(
        LOSS,
        stages=RENAME.stages,
        exposure=RENAME.exposure,
        peaks=RENAME.peaks,
        not_yet_known=FIRST.not_yet_known,
    )
    titles = re.findall(r"^(\S.*?):$", plan_as_text(everything), re.MULTILINE)
    assert titles == [
        "data loss",
        "problems",
        "changes",
        "stages",
        "without a complete mirror vault",
        "quotas that are used up",
        "known only after apply",
    ]
    assert plan_as_text(everything).splitlines()[-2:] == [
        "not verified against the live account",
        "1 to update, 2 to replace, 1 to delete, 12 unchanged; 2 errors, 1 waived; 2 stages",
    ]


PLAIN = Stage("pulumi up", (), (), (), (), ())
ONE = change(Action.CREATE, "a", Reason.NEW)


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        pytest.param(EMPTY, "nothing to change", id="nothing at all"),
        pytest.param(NOTHING, "nothing to change, 12 unchanged", id="nothing differs"),
        pytest.param(FIRST, "2 to create", id="one plain run is not told"),
        pytest.param(replace(FIRST, stages=()), "2 to create; no safe stages", id="no way"),
        pytest.param(replace(FIRST, stages=(), steps=()), "2 to create", id="nothing to do"),
        pytest.param(replace(EMPTY, changes=(ONE,), stages=(PLAIN, PLAIN)), "1 to create; 2 stages", id="two runs"),
        pytest.param(
            replace(EMPTY, changes=(ONE,), stages=(replace(PLAIN, holds=(urn("a"),)),)),
            "1 to create; 1 stage",
            id="one run that is not plain",
        ),
        pytest.param(replace(EMPTY, problems=RENAME.problems), "nothing to change; 1 error, 1 warning", id="problems"),
    ],
)
def test_the_summary(plan: Plan, line: str) -> None:
    """One line says how it is, the same everywhere."""
    assert summary_of(plan) == line
    assert plan_as_text(plan).splitlines()[-1] == line
    assert f"**{line}**" in plan_as_markdown(plan)


def test_what_is_lost_is_what_is_deleted() -> None:
    """A vault that Pulumi only forgets, or that an earlier run has deleted, loses nothing now."""
    plan = replace(LOSS, steps=(step(Op.CREATE_REPLACEMENT, "orders", "cn-beijing"),), problems=())
    text = plan_as_text(plan)
    assert "data loss" not in text
    assert "- delete archive (vault, account far): removed, no call to the service\n" in text


def test_a_mirror_loses_nothing_by_itself() -> None:
    """Its data still exists at its source; where that is gone, a problem says so."""
    assert "data loss" not in plan_as_text(RENAME)
    last = Problem("CB307", Severity.ERROR, "The last copy", "It is.", "Keep it.", ("orders-dr",))
    assert plan_as_text(replace(RENAME, problems=(last,))).startswith("data loss:\n  orders-dr:\n    error CB307:")


def test_the_middle_of_a_long_order_is_left_out() -> None:
    """A quota of a hundred takes a hundred and one steps to break."""
    steps = tuple(step(Op.CREATE, f"v{number}", "cn-hangzhou") for number in range(101))
    steps = (*steps[:1], Step("barrier 1", Op.BARRIER), *steps[1:])
    problem = Problem("CB404", Severity.ERROR, "Too many", "101.", "Less.", (), None, None, tuple(s.id for s in steps))
    lines = plan_as_text(replace(EMPTY, steps=steps, problems=(problem,))).splitlines()
    order = lines[lines.index("      One order that the engine may choose; its last step breaks the rule:") + 1 :][:13]
    assert order[0] == '        1. create vault "v0" in cn-hangzhou'
    assert order[11] == "        ... 89 more steps ..."
    assert order[12] == '        101. create vault "v100" in cn-hangzhou'


def test_stages() -> None:
    """The command to run, what it does, what it leaves for later; a sequence that may not be the best says so."""
    held = Stage("HOLD=x pulumi up", (), (), (urn("b", "MirrorVault"),), ("create a",), ("orders",))
    plan = replace(EMPTY, changes=(ONE,), steps=(step(Op.CREATE, "a", ""),), stages=(held, PLAIN), stages_optimal=False)
    assert plan_as_text(plan).split("stages:\n")[1].split("\n\n")[0].splitlines() == [
        "  1. HOLD=x pulumi up",
        '       create vault "a"',
        "       created in a later stage: b",
        "       without a mirror vault until a later stage: orders",
        "  2. pulumi up",
        "  Each run is safe in every order; `cloudbackup up` runs them one after the other.",
        "  There may be a sequence with fewer runs or less exposure.",
    ]


@pytest.mark.parametrize(
    ("peak", "line"),
    [
        (Peak("vaults", "", "default", 98, 99, 100, lower_bound=True), None),
        (
            Peak("vaults", "", "default", 98, 100, 100, lower_bound=True),
            "vaults of the account: 98 before, up to 100 at a time, 100 allowed; there may be more that nobody told",
        ),
    ],
)
def test_quotas_that_are_used_up(peak: Peak, line: str | None) -> None:
    """Others are not worth a line."""
    text = plan_as_text(replace(EMPTY, peaks=(peak,)))
    assert (f"  {line}\n" in text) if line else ("quotas" not in text)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (59, "59 min"), (60, "1 h"), (200, "3 h 20 min"), (1440, "1 d"), (1501, "1 d 1 h")],
)
def test_durations(minutes: int, words: str) -> None:
    """The two largest units."""
    assert duration(minutes) == words
    assert f"orders, about {words}: so" in plan_as_text(replace(EMPTY, exposure=(Exposure("orders", minutes, "so"),)))


def test_a_text_does_not_steer_a_terminal() -> None:
    """Not even when it is coloured: every escape is ours."""
    assert not re.search(r"[^\n -~]", plan_as_text(EVIL))
    coloured = plan_as_text(EVIL, colour=True)
    assert re.sub(r"\x1b\[(?:0|1|2|31|32|33)m", "", coloured) == plan_as_text(EVIL)


def test_markdown_quotes_everything() -> None:
    """No tag, table cell, link, image, mention or code span comes from a name."""
    text = plan_as_markdown(EVIL)
    assert set(re.findall(r"<[^>]*>?", text)) == {
        *("<code>", "</code>", "<details>", "<summary>", "</summary>", "</details>", "<pre>", "</pre>")
    }
    assert not re.search(r"@(?!</code>)", text)
    assert "https://" not in text
    assert "](" not in text
    assert text.count("`") == 2  # of the command in the title
    (row,) = [line for line in text.splitlines() if line.startswith("| **update**")]
    assert row.count("|") == 5
    assert balance(text) == {}


def balance(text: str) -> dict[str, int]:
    """Return the tags that are not closed as often as they are opened."""
    tags = Counter(re.findall(r"<(/?\w+)", text))
    return {tag: count for tag, count in tags.items() if not tag.startswith("/") and tags[f"/{tag}"] != count}


LONG = replace(
    LOSS,
    changes=tuple(
        change(Action.CREATE, f"v{number}", Reason.NEW, fields=(FieldChange("region_id", None, "x", replaces=False),))
        for number in range(300)
    ),
    stages=tuple(PLAIN for _ in range(50)),
)


@pytest.mark.parametrize("limit", [200, 500, 1_000, 3_000, 10_000, 30_000, 34_000])
def test_a_comment_is_cut(limit: int) -> None:
    """Whole lines, everything closed, and a last line that says how much is missing."""
    whole, text = plan_as_markdown(LONG), plan_as_markdown(LONG, limit=limit)
    assert len(whole) > limit >= len(text)
    assert balance(text) == {}
    found = re.search(r"\n_Cut here: (\d+) lines? left out of (\d+)\. The counts above are of all\._\n\Z", text)
    assert found is not None
    left, lines = int(found[1]), int(found[2])
    assert lines == len(whole.splitlines())
    assert text.splitlines()[: lines - left] == whole.splitlines()[: lines - left]
    assert summary_of(LONG) in text or limit == 200


@pytest.mark.parametrize("limit", [0, 1, 50])
def test_a_comment_without_room(limit: int) -> None:
    """It is never longer than asked for."""
    assert len(plan_as_markdown(LONG, limit=limit)) <= limit


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, None),
        ("x", "x"),
        (True, True),
        (1.5, 1.5),
        (float("inf"), "inf"),
        (UNKNOWN, {"$unknown": True}),
        (("a", UNKNOWN), ["a", {"$unknown": True}]),
        ({"a": UNKNOWN}, {"a": {"$unknown": True}}),
        (ExistingSource(id="v-1", region_id=UNKNOWN), {"id": "v-1", "region_id": {"$unknown": True}}),
    ],
)
def test_values(value: Any, form: Any) -> None:
    """Whatever an argument may hold has a JSON form."""
    assert json_of_value(value) == form
    assert json.loads(json.dumps(json_of_value(value), allow_nan=False)) == form


def test_a_value_that_is_none() -> None:
    """What cannot be an argument's value is a mistake of ours, not text."""
    with pytest.raises(TypeError, match="set is no value of an argument. This is a bug"):
        json_of_value(set())


@pytest.mark.parametrize("plan", SAMPLES)
def test_there_and_back(plan: Plan) -> None:
    """What somebody approves is what was planned."""
    approved = plan_from_json(plan_as_json(plan))
    assert (approved.changes, approved.steps, approved.stages) == (plan.changes, plan.steps, plan.stages)
    assert (approved.command, approved.inputs_digest) == (plan.command, plan.inputs_digest)
    assert plan_from_json(plan_as_json(plan).encode()) == approved


@pytest.mark.parametrize("plan", SAMPLES)
def test_json(plan: Plan) -> None:
    """The text is the document, in ASCII, and a line ends after every part."""
    text = plan_as_json(plan)
    assert text.isascii()
    assert text.endswith("}\n")
    assert json.loads(text) == json_of_plan(plan)
    assert all(line.endswith(("{", "[", ",", "}", "]")) for line in text.splitlines())


def altered(**parts: Any) -> str:
    return json.dumps({**json.loads(plan_as_json(RENAME)), **parts})


def without(key: str) -> str:
    document = json.loads(plan_as_json(RENAME))
    del document[key]
    return json.dumps(document)


STEP = {"id": "s", "op": "create", "name": "", "urn": "", "kind": "", "region_id": "", "account": "", "after": ["t"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", r"The file is not JSON, or only the beginning of it: .*char 0\)", id="empty"),
        pytest.param(plan_as_json(RENAME)[:-100], "The file is not JSON, or only the beginning of it: ", id="cut off"),
        pytest.param(b"\xff\xfe\xfd", "The file is not JSON", id="no text"),
        pytest.param("[" * 100_000, "The file is not a plan: it is nested too deeply", id="deep"),
        pytest.param("[]", "The file is not a plan: an object with schema_version", id="a list"),
        pytest.param("{}", "The file is not a plan: an object with schema_version", id="nothing"),
        pytest.param('{"$unknown": true}', "The file is not a plan: an object", id="an unknown value"),
        pytest.param(altered(schema_version=2), "schema_version is 2: this release reads version 1", id="newer"),
        pytest.param(altered(schema_version="1"), 'schema_version is "1": this release', id="a text as version"),
        pytest.param(altered(schema_version=True), "schema_version is true: this release", id="no number"),
        pytest.param('{"schema_version": 1, "vaults": []}', "command: Field required.", id="an estate"),
        pytest.param(without("steps"), r"\Asteps: Field required\.\Z", id="a part is missing"),
        pytest.param(altered(more=1), r"\Amore: Extra inputs are not permitted\.\Z", id="a part too many"),
        pytest.param(altered(steps=[{**STEP, "op": "destroy"}]), r"\Asteps\.0\.op: Input should be 'create'", id="op"),
        pytest.param(altered(steps=[STEP]), r'steps\.0\.after: there is no step "t"\.', id="a step that is nowhere"),
        pytest.param(altered(steps=[]), r'stages\.0\.steps: there is no step "delete orders-dr"\.', id="no steps"),
        pytest.param(altered(steps=[{}] * 9), r"and 62 more places\.\Z", id="wrong everywhere"),
    ],
)
def test_a_file_that_is_no_plan(text: str | bytes, message: str) -> None:
    """What is wrong with it is told with its place."""
    with pytest.raises(PlanFileError, match=message) as caught:
        plan_from_json(text)
    assert len(str(caught.value).splitlines()) <= 11


def test_wherever_a_plan_is_cut_off() -> None:
    """It is never taken for a shorter one."""
    text = plan_as_json(FIRST)
    for length in range(len(text) - 2):
        with pytest.raises(PlanFileError):
            plan_from_json(text[:length])


@pytest.mark.parametrize("plan", SAMPLES)
def test_documents_conform_to_the_schema(plan: Plan) -> None:
    """The published schema describes what is written."""
    schema = json.loads(plan_schema())
    assert list(mistakes(json.loads(plan_as_json(plan)), schema, schema)) == []


def test_the_schema_refuses() -> None:
    """It would be worth nothing if it took everything."""
    schema = json.loads(plan_schema())
    for text in (altered(more=1), without("steps"), altered(schema_version=2), altered(steps=[{**STEP, "op": "x"}])):
        assert len(list(mistakes(json.loads(text), schema, schema))) == 1


def mistakes(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "$") -> Any:
    """Say where a document does not conform; knows the words that the schema uses, and no others."""
    schema = {**root["$defs"][schema["$ref"].rpartition("/")[2]], **schema} if "$ref" in schema else schema
    known = {"$ref", "$schema", "$defs", "title", "description", "type", "properties", "required"}
    assert set(schema) <= known | {"additionalProperties", "items", "enum", "const", "anyOf"}
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        yield f"{place} is no {schema['type']}"
    elif "anyOf" in schema and all(list(mistakes(value, one, root, place)) for one in schema["anyOf"]):
        yield f"{place} is none of its forms"
    elif value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{place} is another value"
    elif isinstance(value, dict) and "properties" in schema:
        yield from (f"{place}.{key} is missing" for key in schema["required"] if key not in value)
        for key, part in value.items():
            if key in schema["properties"]:
                yield from mistakes(part, schema["properties"][key], root, f"{place}.{key}")
            else:
                yield f"{place}.{key} is too much"
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from mistakes(part, schema["items"], root, f"{place}[{number}]")


def test_ten_thousand_changes_take_about_a_second() -> None:
    """Generous for a machine that has other work."""
    names = [f"v{number}" for number in range(10_000)]
    region = (FieldChange("region_id", "cn-hangzhou", "cn-beijing", replaces=True),)
    changes = tuple(change(Action.REPLACE, name, Reason.ARGUMENTS, fields=region) for name in names)
    plan = replace(EMPTY, changes=changes, steps=tuple(step(Op.DELETE_REPLACED, name, "cn-hangzhou") for name in names))
    begin = time.process_time()
    for report in (plan_as_text, plan_as_json, plan_as_markdown):
        report(plan)
    assert time.process_time() - begin < 5


def test_json_needs_no_templates() -> None:
    """What is not needed is not imported."""
    script = (
        "import sys; sys.path[:0] = [sys.argv[1]]; from reports.samples import LOSS; "
        "from pulumi_cloudbackup.reports.plans import plan_as_json; plan_as_json(LOSS); "
        "print(sorted({'jinja2', 'deepdiff', 'pulumi'} & set(sys.modules)))"
    )
    root = str(Path(samples.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", script, root], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_name_that_nobody_would_read() -> None:
    """Its ends are told, in texts and in sentences; what is there to be copied is whole."""
    long = "x" * 100_000
    problem = Problem("CB101", Severity.ERROR, "Name", f'"{long}" is too long.', "Shorten it.", (long,))
    made = replace(EMPTY, changes=(change(Action.CREATE, long, Reason.NEW),), problems=(problem,))
    for report in (plan_as_text(made), plan_as_markdown(made)):
        assert len(report) < 2_000
        assert f"{'x' * 100}...{'x' * 100}" in report
    assert long in plan_as_json(made)
    assert f"'{long}'" in plan_as_text(
        replace(made, stages=(Stage(f"pulumi up --target '{long}'", (long,), (), (), (), ()),))
    )
