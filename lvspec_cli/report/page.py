"""The report as one HTML page that needs nothing else and lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lvspec_cli import __version__
from lvspec_cli.report.view import PageView
from lvspec_cli.report.wording import KINDS, count, decimal, harmless, harmless_values, known, share, times

if TYPE_CHECKING:
    from jinja2 import Environment

_STYLES = ("base.css", "tables.css", "charts.css", "caption.css", "panel.css")
_SCRIPTS = ("page.js", "index.js", "heat.js", "panel.js", "tokens.js")
# In a script element only these could end it or begin a comment; the last two end lines for some readers.
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render(view: PageView) -> str:
    """The page: all that came from a model or a file name is text in it and nothing else."""
    style, script = _joined(_STYLES), f'"use strict";\n{{\n{_joined(_SCRIPTS)}}}\n'
    template = _environment().get_template("page.html.jinja")
    policy = _policy(style, script)
    return template.render(page=view, style=style, script=script, policy=policy, version=__version__) + "\n"


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def show(value: Any) -> Any:
        return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("lvspec_cli.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=show,
    )
    environment.filters |= {"script_json": lambda value: Markup(script_json(value)), "verbatim": Markup}
    environment.filters |= {"known": known, "count": count}
    environment.globals |= {"count": count, "decimal": decimal, "share": share, "times": times, "kinds": KINDS}
    return environment


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element."""
    text = json.dumps(harmless_values(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


def _joined(names: tuple[str, ...]) -> str:
    folder = files("lvspec_cli.report") / "template"
    return "".join((folder / name).read_text(encoding="utf-8") for name in names)


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: pictures from data URLs, the page's own style and script, and nothing else."""
    rules = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
