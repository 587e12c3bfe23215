"""Days and moments without a calendar library, compared with one."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cloudbackup.estate.moment import is_day, unix_seconds


@given(moment=st.datetimes(timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))))
def test_a_moment_is_counted_as_the_standard_library_does(moment: datetime) -> None:
    """Any year, any offset."""
    moment = moment.replace(microsecond=0)
    assert unix_seconds(moment.isoformat()) == (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(
        seconds=1
    )
    assert is_day(moment.date().isoformat())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "0000-01-01",
        "2024-01-01T24:00:00Z",
        "\u0662\u0660\u0662\u0664-01-01",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    """No exception, no guess."""
    assert unix_seconds(text) is None
    assert not is_day(text)


def test_forms_of_one_moment() -> None:
    """UTC where no offset is named."""
    forms = [
        "2024-01-01",
        "2024-01-01T00:00Z",
        "2024-01-01 00:00:00",
        "2024-01-01T08:00:00.5+08:00",
        "2023-12-31T20:00:00-0400",
    ]
    assert {unix_seconds(form) for form in forms} == {1704067200}
