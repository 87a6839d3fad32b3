"""Templates to answers: one Jinja environment that escapes everything, and pages that say what went wrong in words."""

import json
import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException

from analysis.errors import EigenscopeError
from app.errors import ServiceError
from frontend import numbers, states

TEMPLATES = Path(__file__).parents[2] / "frontend" / "templates"
HELP = {  # at /help/
    "evidence": "What is known about α",
    "findings": "Findings",
    "truth": "Is what it says true?",
    "glossary": "Glossary",
    "well-trained": "Is my model well trained?",
    "broken-lora": "Did LoRA break it?",
    "transfer": "Will my recipe transfer?",
    "what-to-prune": "What may I prune, freeze, quantise?",
}
PATH = re.compile(rf"docs/({'|'.join(HELP)})\.md")


def environment() -> Environment:
    """Names out of files are hostile: everything is escaped, and a name that a template misspells is an error."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "size": numbers.size,
        "shape": numbers.shape,
        "severity": states.severity,
        "keys": lambda keys: json.dumps(list(keys)),
        "sentence": sentence,
        "ticks": ticks,
        "linked": linked,
    }
    return templates


def sentence(text: str) -> str:
    """A note as a sentence.

    >>> sentence("2 eigenvalues; a tail needs 8")
    '2 eigenvalues; a tail needs 8.'
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def ticks(text: str) -> Markup:
    """A docstring's text with what stands between backticks as code.

    >>> ticks("see `a<b`")
    Markup('see <code>a&lt;b</code>')
    """
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def linked(text: str) -> Markup:
    """A sentence in which the path of a page that the service shows is a link to that page, called by its title.

    >>> linked("Noise has one too (docs/evidence.md).")
    Markup('Noise has one too (<a href="/help/evidence">What is known about α</a>).')
    """
    link = Markup('<a href="/help/{}">{}</a>')
    parts = PATH.split(text)  # every second one is a name
    return Markup("").join(
        link.format(part, HELP[part]) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


ENVIRONMENT = environment()


def page(request: Request, template: str, code: int = 200, **context: Any) -> Response:
    """An HTML page. It shows rows that change, so nothing keeps a copy."""
    base_url = f"{request.url.scheme}://{request.url.netloc}"
    plotly = request.app.url_path_for("plotly")
    caller = getattr(request.state, "caller", None)  # nobody yet where they sign in
    defaults = {"base_url": base_url, "plotly": plotly, "version": request.app.version, "caller": caller}
    context = {"page": "", **defaults, **context}
    text = ENVIRONMENT.get_template(template).render(context)
    # names may hold half a surrogate pair, which UTF-8 cannot carry
    return HTMLResponse(text.encode("utf-8", "replace"), code, {"Cache-Control": "no-store"})


def see(address: str) -> Response:
    """After a form: to the page that shows what it did."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


class PageRoute(APIRoute):
    """A route whose errors are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except ServiceError as error:
                return _failure(request, error.status, error.title, str(error))
            except EigenscopeError as error:
                return _failure(request, HTTPStatus.BAD_REQUEST, "Not possible", error.message)
            except RequestValidationError:
                return _failure(request, HTTPStatus.NOT_FOUND, "Not found", "This page does not exist.")

        return answer


def install(app: FastAPI) -> None:
    """An address that leads nowhere is told in a page to whoever reads pages, and as before to programs."""
    programs = app.exception_handlers[HTTPException]

    async def answer(request: Request, error: Exception) -> Any:
        assert isinstance(error, HTTPException)
        if "text/html" not in request.headers.get("accept", "") or request.url.path.startswith("/api/"):
            response: Any = programs(request, error)
            return await response
        title = HTTPStatus(error.status_code).phrase
        return _failure(request, error.status_code, title, "Nothing exists at this address.")

    app.add_exception_handler(HTTPException, answer)


def _failure(request: Request, status: int, title: str, detail: str) -> Response:
    return page(request, "pages/error.html", status, status=status, title=title, detail=detail)
