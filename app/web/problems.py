"""Errors as application/problem+json (RFC 9457), each with a code that never changes."""

import logging
import math
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from analysis.errors import BaselineError, EigenscopeError, FactError, OptionError, PolicyError, WrongBase
from app import logs
from app.errors import ChecksumMismatch, Overloaded, ServiceError, TokenRequired, TooMany

MEDIA_TYPE = "application/problem+json"
CODES = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
TITLES = {
    OptionError: "Unknown option",
    PolicyError: "The policy is not valid",
    BaselineError: "The baseline is not valid",
    FactError: "A fact is not valid",
}
log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was not answered with success."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["Run 12 does not exist."])
    code: str = Field(description="Stable, for programs.", examples=["not-found"])


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its problems by status."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _phrase(status), "content": content} for status in statuses}


def _phrase(status: int) -> str:
    return "Checksum Mismatch" if status == ChecksumMismatch.status else HTTPStatus(status).phrase  # tus's own


# token, Origin or scope, Host, form, rate, faults of ours, a database that is away, a disk that is full
EVERYWHERE = responses(401, 403, 421, 422, 429, 500, 503, 507)


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **more}
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"} if status == TokenRequired.status else {}
    if (seconds := more.pop("retry_after", None)) is not None:
        headers = {"Retry-After": str(math.ceil(seconds))}
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def of_service(error: ServiceError) -> Response:
    extra = {"retry_after": error.seconds} if isinstance(error, TooMany | Overloaded) else {}
    return problem(error.status, error.code, error.title, str(error), **extra)


async def _service(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return of_service(error)


async def _analysis(request: Request, error: Exception) -> Response:
    assert isinstance(error, EigenscopeError)
    title = next((text for kind, text in TITLES.items() if isinstance(error, kind)), "The checkpoint cannot be used")
    status = 409 if isinstance(error, WrongBase) else 400  # right in itself: it hangs on what the files hold
    return problem(status, error.code, title, error.message)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [{"where": "/".join(map(_safe, fault["loc"])), "why": _safe(fault["msg"])} for fault in error.errors()]
    detail = "; ".join(f"{fault['where']}: {fault['why']}" for fault in faults[:5])
    return problem(422, "invalid-request", "The request does not match the schema", detail, faults=faults)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    answer = problem(error.status_code, CODES.get(error.status_code, "http-error"), title, _safe(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _gone_response(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody is there to read it


def unexpected_problem(method: str, path: str, error: Exception) -> Response:
    """A fault of ours: told under the request's id, by which the log tells the rest."""
    incident = logs.current("request") or secrets.token_hex(8)
    log.error("incident %s: %s %s", incident, method, _safe(path), exc_info=error)
    detail = f"An internal error occurred. Details are in the service's log under {incident}."
    return problem(500, "internal-error", "Internal error", detail, incident=incident)


def _safe(text: object) -> str:
    """Untrusted text, as UTF-8 can carry it."""
    return str(text).encode("utf-8", "replace").decode()


def install(app: FastAPI) -> None:
    """Has the application tell every error as a problem."""
    app.add_exception_handler(ServiceError, _service)
    app.add_exception_handler(EigenscopeError, _analysis)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone_response)
