"""`cloudbackup rules`: the list, the pages, and the generated document."""

import json
from pathlib import Path

import pytest

from pulumi_cloudbackup.cli import main
from pulumi_cloudbackup.rules import BOOK

ROOT = Path(__file__).parents[2]
HEADINGS = ["What it checks", "Why it matters", "How to fix it", "Given", "Wrong", "Right", "Source", "Can be waived"]


def test_the_document_is_generated(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/rules.md is what `cloudbackup rules --format markdown` prints, byte for byte."""
    assert main(["rules", "--format", "markdown"]) == 0
    assert (ROOT / "docs/rules.md").read_bytes() == capsys.readouterr().out.encode()


def test_the_list_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Code, severity and summary of every rule, sorted and aligned."""
    assert main(["rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(BOOK)
    starts = {line.index(BOOK[line.split()[0]].summary) for line in lines}
    assert len(starts) == 1
    assert "CB201  error             Mirror vault in the region of its source" in lines


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON and nothing else."""
    assert main(["rules", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in listed] == sorted(BOOK)
    assert listed[0] == {
        "code": "CB100",
        "severities": ["error"],
        "summary": "Argument of the wrong kind",
        "can_be_waived": False,
    }


@pytest.mark.parametrize("code", sorted(BOOK))
def test_a_page_has_the_same_headings(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All pages look alike."""
    assert main(["rules", code]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{code} ")
    assert [line for line in out.splitlines()[1:] if line and not line.startswith(" ")] == HEADINGS
    assert all(line == line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize("code", sorted(BOOK))
def test_a_page_as_json_and_markdown(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same page in the other forms."""
    assert main(["rules", code, "--format", "json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["code"], page["summary"]) == (code, BOOK[code].summary)
    assert main(["rules", code, "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"## {code}\n")
    assert page["wrong"] in out
    assert page["right"] in out


def test_a_code_in_small_letters(capsys: pytest.CaptureFixture[str]) -> None:
    """A code is recognised however it is written."""
    assert main(["rules", " cb202 "]) == 0
    assert capsys.readouterr().out.startswith("CB202 error: Source with more than one mirror vault\n")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        pytest.param("CB222", "Did you mean CB2", id="near"),
        pytest.param("CB2O2", "CB202?", id="a letter for a digit"),
        pytest.param("CB999", "`cloudbackup rules` lists all", id="nothing near"),
        pytest.param("mirror", "`cloudbackup rules` lists all", id="no code"),
        pytest.param("", "`cloudbackup rules` lists all", id="empty"),
        pytest.param("a\nb", "`cloudbackup rules` lists all", id="two lines"),
        pytest.param("CB" * 500, 'There is no rule "CBCB', id="long"),
    ],
)
def test_an_unknown_code(written: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with what is near, exit code 1."""
    assert main(["rules", written]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cloudbackup: ")
    assert err.count("\n") == 1
    assert len(err) < 200
    assert says in err


@pytest.mark.parametrize("arguments", [["--format", "yaml"], ["CB202", "CB203"], ["--nothing"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 1."""
    assert main(["rules", *arguments]) == 1
    assert capsys.readouterr().err.count("\n") == 1
