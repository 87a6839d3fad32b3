"""What a report in one file brings along: Plotly's own script, our script and styles, and what it may load: nothing."""

import base64
import hashlib
import importlib.util
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parents[1] / "static"
SCRIPTS = ("dom", "paint", "image", "numerals", "divide", "paper", "document")  # each uses those before it
STYLES = ("tokens", "base", "layout", "controls", "tables", "report", "document")
IMPORT, EXPORT = re.compile(r"^import .*;\n", re.MULTILINE), re.compile(r"^export ", re.MULTILINE)


@cache
def plotly_script() -> Path:
    """The script that comes with the installed plotly package, found without importing it."""
    spec = importlib.util.find_spec("plotly")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


@cache
def plotly_text() -> str:
    """The same as it may stand in a page: nothing in it ends the element that holds it."""
    return plotly_script().read_text(encoding="utf-8").replace("</script", "<\\/script")


def script_text() -> str:
    """Our modules as one script in a function of its own: a page of one file has nothing to import from."""
    modules = [(STATIC / "js" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    text = "\n".join(EXPORT.sub("", IMPORT.sub("", module)) for module in modules)
    return f"(() => {{\n{text}}})();"


def style_text() -> str:
    return "\n".join((STATIC / "css" / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)


def print_style_text() -> str:
    return (STATIC / "css" / "print.css").read_text(encoding="utf-8")


def policy(scripts: Iterable[str]) -> str:
    """Nothing is loaded from anywhere, and no script runs but these: what a name might smuggle in stays text."""
    hashes = " ".join(sha256_source(text) for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def sha256_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
