"""How reports use templates: every value that one prints is escaped for its form. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pulumi_cloudbackup.reports.words import is_to_copy, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Template


@cache
def template(name: str, escape: Callable[[Any], str]) -> Template:
    """Return a template of the package; every value that it prints is escaped by ``escape``."""
    import jinja2  # noqa: PLC0415 - a tenth of a second, and JSON needs none of it

    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - no HTML: each form has its own escape, which ``finalize`` does
        finalize=escape,
        loader=jinja2.PackageLoader("pulumi_cloudbackup", "reports/templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrapped"] = wrapped
    environment.tests["to_copy"] = is_to_copy
    return environment.get_template(name)
