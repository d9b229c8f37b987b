"""Finding and filling templates: the user's folder first, then the installed or checkout's one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    select_autoescape,
)

from tracksmith.errors import InputError, UsageError

__all__ = ["Templates", "template_folder"]

_PACKAGE = Path(__file__).resolve().parent


def template_folder(package: Path = _PACKAGE) -> Path:
    """Return the folder of tracksmith's own templates.

    A wheel carries it as ``tracksmith/hub/templates``; an editable install has
    it beside the package, as ``hub_templates`` of the checkout.

    Raises
    ------
    InputError
        Neither is there: the installation is damaged.
    """
    for folder in (package / "templates", package.parents[1] / "hub_templates"):
        if (folder / "hub.txt").is_file():
            return folder
    raise InputError(f"No templates in {package / 'templates'}: install tracksmith again.")


class Templates:
    """Fills templates; ``folder`` may hold the user's own, by the same names.

    Values are escaped in HTML and XML; a name that a template does not get is
    an error, not an empty string.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None and not folder.is_dir():
            raise UsageError(f"--templates {folder} is no folder.")
        places = [os.fspath(place) for place in (folder, template_folder()) if place is not None]
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(place) for place in places]),
            autoescape=select_autoescape(("html", "xml")),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def fill(self, name: str, **values: Any) -> str:
        """Return the filled template.

        Raises
        ------
        InputError
            The template is wrong, or uses a value that it does not get.
        """
        try:
            return self._environment.get_template(name).render(**values)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            where = f"{name}:{line}" if line else name
            raise InputError(f"The template {where} cannot be filled: {error}.") from error

    def raw(self, name: str) -> str:
        """Return a file of the template folders as it is (scripts, styles)."""
        loader = self._environment.loader
        if loader is None:
            raise InputError(f"There is no template {name}.")
        return loader.get_source(self._environment, name)[0]
