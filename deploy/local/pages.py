"""The look of the local pages (desk, mailbox): the style sheet of the web build, our own few templates."""

import json
from pathlib import Path

from jinja2 import ChainableUndefined, Environment, FileSystemLoader

STATIC = Path(__file__).resolve().parents[2] / "services" / "web" / "static" / "dist"
"""What `npm run build:web` makes; `make setup` runs it."""

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=ChainableUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **facts: object) -> str:
    """One page as HTML."""
    return _environment.get_template(template).render(style_sheet=_style_sheet(), **facts)


def _style_sheet() -> str:
    built: dict[str, str] = json.loads((STATIC / "built.json").read_text())
    return f"/static/{built['page.css']}"
