"""The OpenAPI: FastAPI's, completed. Every operation has a summary, every body and every problem an example."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI

from app.errors import ServiceError
from app.web.problems import MEDIA_TYPE, Problem

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
JSON = "application/json"
MOMENT = "2026-01-31T12:00:00Z"
PLAIN: Mapping[str, Any] = {"string": "…", "integer": 1, "number": 1.0, "boolean": True, "null": None}
OTHERS = {  # problems that no ServiceError tells of
    422: ("invalid-request", "The request does not match the schema", "query/limit: Input should be …"),
    500: ("internal-error", "Internal error", "An internal error occurred. Details are in the service's log …"),
}


def install(app: FastAPI) -> None:
    plain = app.openapi
    app.openapi = cache(lambda: complete(plain()))  # type: ignore[method-assign]  # FastAPI's documented way


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with problems in place of FastAPI's own validation errors, and with summaries and examples."""
    shapes = document["components"]["schemas"]
    shapes["Problem"] = Problem.model_json_schema()
    shapes.pop("HTTPValidationError", None)
    shapes.pop("ValidationError", None)
    for operation in operations(document):
        operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
        _exemplify(operation.get("requestBody", {}), shapes)
        for status, answer in operation["responses"].items():
            if MEDIA_TYPE in answer.get("content", {}):
                answer["content"][MEDIA_TYPE]["example"] = problem(int(status))
            _exemplify(answer, shapes)
    return document


def operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (item[method] for method in METHODS if method in item)


def problem(status: int) -> dict[str, Any]:
    """An example of a problem of this status."""
    kinds = [kind for kind in _descendants(ServiceError) if kind.status == status]
    code, title, detail = (kinds[0].code, kinds[0].title, "…") if kinds else OTHERS[status]
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}


def _descendants(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _descendants(subclass)


def _exemplify(body: Mapping[str, Any], shapes: Mapping[str, Any]) -> None:
    content = body.get("content", {}).get(JSON)
    if content is not None and "example" not in content and "examples" not in content:
        content["example"] = example(content.get("schema", {}), shapes)


def example(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> Any:
    """What a schema's own examples add up to.

    >>> example({"type": "object", "properties": {"id": {"type": "integer", "examples": [7]}}}, {})
    {'id': 7}
    """
    if "$ref" in schema:
        return example(shapes[schema["$ref"].rpartition("/")[2]], shapes)
    for name in ("examples", "enum"):
        if name in schema:
            return schema[name][0]
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if "anyOf" in schema and "type" not in schema:
        return example(schema["anyOf"][0], shapes)
    return _of_type(schema, shapes)


def _of_type(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            return {name: example(part, shapes) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example(schema.get("items", {}), shapes)]
        case "string" if schema.get("format") == "date-time":
            return MOMENT
        case kind:
            return PLAIN.get(str(kind))
