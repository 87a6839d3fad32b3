"""The form that starts a check of width scaling: which checkpoints, and how they were trained."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from analysis.diagnostics.top_singular_value.diagnostic import TOP_SINGULAR_VALUE
from analysis.errors import EigenscopeError, FactError, OptionError
from analysis.facts import Changes
from analysis.width_scaling.recipe import decouple_decay
from app import checkpoints, models
from app.errors import NotFound, ServiceError
from app.pages.facts import changes, sheet
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, page, see, sentence
from app.runs import runs
from app.states import CheckpointState
from app.web.dependencies import LARGEST_ID, Reading, Writing
from frontend import numbers

router = APIRouter(prefix="/scaling", route_class=PageRoute)
LISTED = 500
NOBODY: list[int] = []
FEW = "Choose two models or more: a check takes two widths, an exponent three."
Ids = Annotated[list[Annotated[int, Query(ge=1, le=LARGEST_ID)]], Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class Option:
    """A model to choose."""

    id: int
    name: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: whose facts, and what to do with them."""

    of: tuple[int, ...]
    run: int = 0  # whose page asked for the facts
    quantiles: bool = False
    independent: bool = False
    error: str = ""
    sent: Mapping[str, Sequence[str]] | None = None


@router.get("")
def show(
    request: Request, session: Reading, of: Ids = NOBODY, run: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0
) -> Response:
    """Models to choose from; of those in the address, their facts."""
    return show_page(request, session, Form(tuple(dict.fromkeys(of)), run))


def show_page(request: Request, session: Reading, form: Form) -> Response:
    ready_rows = [
        row
        for row in checkpoints.listing(session, LISTED)
        if row.state == CheckpointState.READY and row.kind != "adapter"
    ]
    rows = [checkpoints.get(session, identity) for identity in form.of]
    sheets = [sheet(row, form.sent, f"{row.id}.") for row in sorted(rows, key=order)]
    now = time.time()
    return page(
        request,
        "pages/scaling.html",
        422 if form.error else 200,
        page="scaling",
        options=[option(row, form.of, now) for row in ready_rows],
        sheets=sheets,
        form=form,
        few=FEW if len(sheets) == 1 else "",
        most=runs.MOST_CHECKPOINTS,
        contradicted=any(one.against for one in sheets),
    )


def option(row: models.Checkpoint, of: Sequence[int], now: float) -> Option:
    width, step = (_number(row.known.get(name)) for name in ("width", "step"))
    parts = [
        width and f"width {width:g}",
        row.parameters and f"{numbers.parameters(row.parameters)} parameters",
        step and f"step {step:,.0f}",
        numbers.describe_age(row.created_at, now),
    ]
    return Option(row.id, row.name, ", ".join(str(one) for one in parts if one), row.id in of)


def order(row: models.Checkpoint) -> tuple[float, float, int]:
    """A family is ordered by width, then by step."""
    width, step = (_number(row.known.get(name)) for name in ("width", "step"))
    return width or math.inf, step or math.inf, row.id


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@router.post("")
def state(request: Request, session: Writing, sent: Sent) -> Response:
    """Saves the facts of all, and starts the run where that is asked for; or the form again, with what is wrong."""
    form = read(sent)
    try:
        with session.begin_nested():
            rows = save(session, form, sent)
    except FactError as error:
        wrong = (
            "The facts were not saved. Correct the marked fields." if has_marks(session, form) else sentence(str(error))
        )
        return show_page(request, session, Form(form.of, form.run, form.quantiles, form.independent, wrong, sent))
    if "save" in sent:
        return see(f"/runs/{form.run}" if form.run else f"/scaling?{urlencode({'of': form.of}, doseq=True)}")
    try:
        with session.begin_nested():
            return see(f"/runs/{start_run(session, rows, form.quantiles).id}")
    except (EigenscopeError, ServiceError) as error:
        wrong = FEW if len(rows) < 2 else sentence(str(error))
        return show_page(request, session, Form(form.of, form.run, form.quantiles, form.independent, wrong))


def read(fields: Mapping[str, Sequence[str]]) -> Form:
    ids = [identity for identity in map(_identity, fields.get("of", ())) if identity]
    run = next(iter(fields.get("run", ())), "")
    return Form(tuple(dict.fromkeys(ids)), _identity(run), "quantiles" in fields, "independent" in fields, sent=fields)


def _identity(text: str) -> int:
    fits = text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_ID))
    return int(text) if fits and 0 < int(text) <= LARGEST_ID else 0


def save(session: Writing, form: Form, fields: Mapping[str, Sequence[str]]) -> list[models.Checkpoint]:
    """The checkpoints with their facts stated, by width. Raises FactError and NotFound."""
    rows = []
    for identity in sorted(form.of):
        edits = changes(fields, f"{identity}.")
        facts = checkpoints.get(session, identity).facts
        rows.append(checkpoints.edit(session, identity, None, as_pytorch(edits, facts) if form.independent else edits))
    return sorted(rows, key=order)


def as_pytorch(changes: Changes, known: Mapping[str, Any]) -> Changes:
    """An independent weight decay as PyTorch's. Raises FactError where it needs an η that nobody tells."""
    decay = changes.get("weight_decay")
    if not isinstance(decay, float) or decay == 0.0:
        return changes
    rate = changes.get("learning_rate") or known.get("learning_rate") or 0.0
    try:
        return {**changes, "weight_decay": decouple_decay(decay, float(rate))}
    except OptionError as error:
        raise FactError(error.message) from error


def has_marks(session: Reading, form: Form) -> bool:
    """Whether one of the fields is wrong by itself."""
    return any(sheet(checkpoints.get(session, one), form.sent, f"{one}.").wrong for one in form.of)


def start_run(session: Writing, rows: Sequence[models.Checkpoint], quantiles: bool) -> models.Run:
    if not rows:
        raise NotFound(FEW)
    return runs.request(session, [row.id for row in rows], {TOP_SINGULAR_VALUE.name: {"quantiles": quantiles}})
