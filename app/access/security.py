"""Where a request comes from: its Host and Origin, and the headers that keep a browser careful.

Plain values in, plain values out; `app.main` puts them between the server and the routes.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from analysis.errors import escape
from app.errors import HostNotAllowed, OriginNotAllowed
from app.settings import Settings, is_loopback

COOKIE, PROJECT_COOKIE = "eigenscope", "eigenscope_project"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = ("/health", "/login", "/static/")  # reachable without the token
FIXED_STYLE = re.compile(r"\.textContent\s*=\s*'((?:[^'\\]|\\.)*)'")  # a style sheet that Plotly.js adds to the page
ESCAPE = re.compile(r"\\(.)")
PLAIN_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def check_host(host: str | None, settings: Settings) -> None:
    """Refuses a Host that is neither this machine nor ours: a stranger's name pointed at us (DNS rebinding)."""
    name = host_name(host)
    if not (is_loopback(name) or name == settings.host.lower() or name in settings.allowed_hosts):
        mention = f", “{escape(name)}”," if name else ""
        raise HostNotAllowed(f"Add the name that you reach this service by{mention} to EIGENSCOPE_ALLOWED_HOSTS.")


def host_name(host: str | None) -> str:
    """The name without its port; none where it only looks like an address."""
    if not host or not _is_host(host):
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_host(host: str) -> bool:
    return re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", host) is not None


def check_origin(method: str, host: str | None, origin: str | None, site: str | None) -> None:
    """Refuses a change that another site's page asks for. Programs send neither header, and pass."""
    if method in SAFE_METHODS:
        return
    foreign = origin is not None and origin.partition("://")[2].lower() != (host or "").lower()
    if foreign or site in ("cross-site", "same-site"):
        raise OriginNotAllowed(
            "Requests that change something must come from this service's own pages, or from a program."
        )


def content_security_policy(style_hashes: Iterable[str]) -> str:
    """Everything from ourselves only; of styles also those that Plotly.js writes, by their hashes."""
    empty = sha256_source("")
    styles = " ".join(sorted({empty, *style_hashes}))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' {styles}",
            f"style-src-attr 'unsafe-hashes' {empty}",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


@cache
def plotly_style_hashes(script: Path) -> tuple[str, ...]:
    """The hashes of the fixed style sheets in a plotly.min.js."""
    text = script.read_text(encoding="utf-8")
    return tuple(sha256_source(ESCAPE.sub(r"\1", style)) for style in FIXED_STYLE.findall(text))


def sha256_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
