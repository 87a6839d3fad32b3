"""The registry: which diagnostics there are, with their columns, options and figures."""

from dataclasses import asdict, fields
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from analysis.diagnostic import Column, Figure
from analysis.diagnostic import Diagnostic as Declared
from analysis.diagnostics import DIAGNOSTICS

router = APIRouter(prefix="/diagnostics", tags=["diagnostics"])


class Diagnostic(BaseModel):
    """A declared measurement."""

    name: str = Field(examples=["esd"])
    title: str = Field(examples=["Spectral density and power-law tail"])
    scope: str = Field(examples=["one"])
    reference: str = Field(examples=["Martin and Mahoney 2021, section 4"])
    description: str = Field(examples=["Fits a power law to the tail of the eigenvalues."])
    default: bool = Field(description="Whether a run measures it by default.")
    columns: list[dict[str, Any]] = Field(examples=[[{"name": "alpha", "meaning": "Exponent of the tail."}]])
    options: list[dict[str, Any]] = Field(examples=[[{"name": "fit", "default": "tail"}]])
    figures: list[dict[str, Any]] = Field(examples=[[{"name": "tail", "title": "Eigenvalues and tail"}]])


def shape(diagnostic: Declared) -> Diagnostic:
    return Diagnostic(
        name=diagnostic.name,
        title=diagnostic.title,
        scope=diagnostic.scope,
        reference=diagnostic.reference,
        description=diagnostic.description,
        default=diagnostic.default,
        columns=[column_json(column) for column in diagnostic.columns],
        options=[asdict(option) for option in diagnostic.options],
        figures=[figure_json(figure) for figure in diagnostic.figures],
    )


def column_json(column: Column) -> dict[str, Any]:
    """What is declared of a column, without the function that says where its usual range applies."""
    return {field.name: getattr(column, field.name) for field in fields(column) if field.name != "judges"}


def figure_json(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "kind": figure.kind,
        "title": figure.title,
        "caption": figure.caption,
        "parts": dict(figure.parts),
        "per_weight": figure.per_weight,
    }


@router.get("", operation_id="list_diagnostics")
def listing() -> list[Diagnostic]:
    """Lists all diagnostics with their columns and options."""
    return [shape(diagnostic) for diagnostic in DIAGNOSTICS]
