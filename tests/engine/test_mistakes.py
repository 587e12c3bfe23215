"""docs/mistakes.md tells what the engine prints."""

from __future__ import annotations

import pytest

from engine_harness import Project, Service
from mistakes import PAGE, Mistake, mistakes, said_by

MISTAKES = mistakes(PAGE.read_text())


def test_there_are_ten() -> None:
    assert len(MISTAKES) == 10


@pytest.mark.parametrize("mistake", [pytest.param(one, id=one.title) for one in MISTAKES])
def test_mistake(mistake: Mistake, project: Project, service: Service) -> None:
    """`python tests/mistakes.py --write` writes the page anew."""
    assert said_by(mistake, project, service) == mistake.said
