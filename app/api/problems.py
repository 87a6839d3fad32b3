"""Errors as application/problem+json (RFC 9457), each with a code that never changes."""

import logging
import secrets
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from analysis.errors import EigenscopeError, FactError, OptionError, WrongBase
from app.errors import ServiceError, TokenRequired

MEDIA_TYPE = "application/problem+json"
CODES = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was not answered with success."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no run 12."])
    code: str = Field(description="Stable, for programs.", examples=["not-found"])


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its problems by status."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


EVERYWHERE = responses(401, 403, 421, 422)  # token, Origin, Host, and the form of the request


def document(schema: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI with problems in place of FastAPI's own validation errors."""
    shapes = schema["components"]["schemas"]
    shapes["Problem"] = Problem.model_json_schema()
    shapes.pop("HTTPValidationError", None)
    shapes.pop("ValidationError", None)
    return schema


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **more}
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"} if status == TokenRequired.status else {}
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def of_service(error: ServiceError) -> Response:
    return problem(error.status, error.code, error.title, str(error))


async def _service(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return of_service(error)


async def _analysis(request: Request, error: Exception) -> Response:
    assert isinstance(error, EigenscopeError)
    titles = {OptionError: "There is no such option", FactError: "A fact makes no sense"}
    title = titles.get(type(error), "The checkpoint cannot be used")
    status = 409 if isinstance(error, WrongBase) else 400  # right in itself: it hangs on what the files hold
    return problem(status, error.code, title, error.message)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [{"where": "/".join(map(_safe, fault["loc"])), "why": _safe(fault["msg"])} for fault in error.errors()]
    told = "; ".join(f"{fault['where']}: {fault['why']}" for fault in faults[:5])
    return problem(422, "invalid-request", "The request is not of the form that is asked for", told, faults=faults)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    answer = problem(error.status_code, CODES.get(error.status_code, "http-error"), title, _safe(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody is there to read it


def unexpected(method: str, path: str, error: Exception) -> Response:
    """A fault of ours: told under an id, by which the log tells the rest."""
    incident = secrets.token_hex(6)
    log.error("incident %s: %s %s", incident, method, _safe(path), exc_info=error)
    told = f"That is a fault of ours. The service's log tells more under {incident}."
    return problem(500, "internal-error", "Something went wrong here", told, incident=incident)


def _safe(text: object) -> str:
    """Text that may come from a stranger, as UTF-8 can carry it."""
    return str(text).encode("utf-8", "replace").decode()


def install(app: FastAPI) -> None:
    """Has the application tell every error as a problem, and say so in its OpenAPI."""
    plain = app.openapi
    app.openapi = cache(lambda: document(plain()))  # type: ignore[method-assign]  # FastAPI's documented way
    app.add_exception_handler(ServiceError, _service)
    app.add_exception_handler(EigenscopeError, _analysis)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
