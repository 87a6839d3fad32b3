"""Pages to look things up: the API, rendered from our OpenAPI, and what the sentences of a report rest on.

FastAPI's own page of the API would load scripts from elsewhere. The texts are docs/evidence.md, docs/findings.md,
docs/truth.md and a page for each of four tasks, which `python -m docs.generate` writes as HTML. The glossary is
rendered from analysis.glossary.
"""

import json
from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from analysis.errors import escape
from analysis.glossary.terms import GROUPS, TERMS
from app.errors import NotFound
from app.pages.rendering import HELP, PageRoute, page, see
from app.web.dependencies import SettingsOf

router = APIRouter(route_class=PageRoute)
COLORS = {
    "get": "good", "head": "good", "options": "good", "post": "note", "put": "note", "patch": "note", "delete": "bad",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    place: str
    type: str
    meaning: str
    required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    css: str
    path: str
    description: str
    parameters: list[Parameter]
    body: str
    example: str  # of a JSON body
    answers: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    operations: list[Operation]


@router.get("/help/{name}")
def text(request: Request, name: str, term: str = "") -> Response:
    """A page of text. `term` is where a page without scripts leads from a heading: its place in the glossary."""
    if name not in HELP:
        raise NotFound(f"there is no page {escape(name)}: there are {', '.join(HELP)}")
    if name == "glossary" and term in TERMS:
        return see(f"/help/glossary#{term}")
    return page(request, "pages/help.html", name=name, title=HELP[name], groups=GROUPS)


@router.get("/help/terms/{name}")
def explain(request: Request, name: str) -> Response:
    """What the glossary says of one term, to be shown in place."""
    if name not in TERMS:
        raise NotFound(f"there is no term {escape(name)}")
    return page(request, "parts/term_only.html", term=TERMS[name])


@router.get("/api")
def show(request: Request, settings: SettingsOf) -> Response:
    document = request.app.openapi()
    return page(
        request,
        "pages/api.html",
        page="api",
        groups=groups(document),
        always=sorted(common_problems(document).items()),
        token=settings.token is not None,
    )


def common_problems(document: Mapping[str, Any]) -> dict[str, str]:
    """The problems that every operation under /api/ may answer with, by status."""
    operations = [
        each["responses"]
        for path, item in document["paths"].items()
        for method, each in item.items()
        if method in COLORS and path.startswith("/api/")
    ]
    statuses = set.intersection(*(set(responses) for responses in operations)) if operations else set()
    return {status: operations[0][status]["description"] for status in statuses if not status.startswith("2")}


def groups(document: Mapping[str, Any]) -> list[Group]:
    """The operations of an OpenAPI document, by their first tag, in its order."""
    by_tag: dict[str, list[Operation]] = defaultdict(list)
    problems, schemas = common_problems(document), document.get("components", {}).get("schemas", {})
    for path, item in document["paths"].items():
        for method in [method for method in COLORS if method in item]:
            by_tag[(item[method].get("tags") or ["other"])[0]].append(
                operation(path, method, item[method], schemas, problems)
            )
    return [Group(title.capitalize(), operations) for title, operations in by_tag.items()]


def operation(
    path: str, method: str, stated: Mapping[str, Any], schemas: Mapping[str, Any], shared: Container[str]
) -> Operation:
    return Operation(
        id=stated["operationId"],
        method=method.upper(),
        css=COLORS[method],
        path=path,
        description=stated.get("description", ""),
        parameters=[parameter(each) for each in stated.get("parameters", ()) if each["in"] != "path"],
        body=" or ".join(stated.get("requestBody", {}).get("content", {})),
        example=example(stated.get("requestBody", {}), schemas),
        answers=sorted((s, answer["description"]) for s, answer in stated["responses"].items() if s not in shared),
    )


def example(body: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """The first example of a JSON body, if its schema has one."""
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    definition = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    examples = definition.get("examples", [])
    return json.dumps(examples[0]) if examples else ""


def parameter(stated: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=stated["name"],
        place=f"in the {stated['in']}",
        type=type_of(stated.get("schema", {})),
        meaning=stated.get("description") or stated.get("schema", {}).get("description", ""),
        required=stated.get("required", False),
    )


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema's type in a few words.

    >>> type_of({"anyOf": [{"type": "string"}, {"type": "null"}]})
    'string'
    """
    options = [choice for choice in schema.get("anyOf", (schema,)) if choice.get("type") != "null"]
    return " or ".join(str(choice.get("type", "any")) for choice in options)
