"""The form that starts a comparison: which base, which tuned checkpoints, what to measure."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator, StringConstraints

from analysis.diagnostic import groups
from analysis.diagnostics import diagnostic
from analysis.errors import EigenscopeError
from app import checkpoints, models
from app.errors import ServiceError
from app.lists import checkpoints as checkpoint_list
from app.lists.selection import Selection
from app.pages import chooser
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, page, see, sentence
from app.runs import runs
from app.states import CheckpointState
from app.web.dependencies import LARGEST_ID, Reading, Writing
from frontend import numbers, states

router = APIRouter(prefix="/compare", route_class=PageRoute)
LISTED = 500  # of the newest, among which the base of a tuned one is looked for
SHOWN = 100  # checkpoints to choose from; a search finds the others
LONGEST = 400  # characters of the list of tuned checkpoints in the address
SEARCHED = 200  # characters of a search
NONE_IS_ZERO = BeforeValidator(lambda value: value or 0)  # a form without a base sends an empty field
Tuned = Annotated[str, StringConstraints(max_length=LONGEST)]
NO_BASE, NO_TUNED = "Choose a base.", "Choose at least one tuned checkpoint."


@dataclass(frozen=True, slots=True)
class Option:
    """A checkpoint to choose. One that is still being read says so, and can be a tuned one only."""

    id: int
    name: str
    words: str
    added: str
    look: states.Look
    base: bool  # whether it may be the base: a whole model
    ready: bool
    is_base: bool = False
    is_tuned: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen, by ids; 0 stands for no base. And the words that what can be chosen is searched for."""

    base: int = 0
    tuned: tuple[int, ...] = ()
    text: str = ""


@router.get("")
def show(
    request: Request,
    session: Reading,
    base: Annotated[int, NONE_IS_ZERO, Query(ge=0, le=LARGEST_ID)] = 0,
    tuned: Annotated[Sequence[Tuned], Query(max_length=LONGEST)] = (),
    find: Annotated[str, Query(max_length=SEARCHED)] = "",
) -> Response:
    """The form, filled in as the address says; where a search without a script sent it, with all that it held."""
    choice = Choice(base, tuple(dict.fromkeys(_ids(",".join(tuned).split(",")))), find)
    sent = {name: request.query_params.getlist(name) for name in request.query_params}
    if chooser.CHOSEN in sent:
        return form(request, session, choice, chooser.chooser_as_sent(sent, chooser.OF_SEVERAL))
    return form(request, session, choice, chooser.blank_of_several())


def form(request: Request, session: Reading, choice: Choice, asked: chooser.Chooser, error: str = "") -> Response:
    if choice.tuned and not choice.base:
        choice = replace(choice, base=guess_base(list(reversed(checkpoints.listing(session, LISTED))), choice.tuned))
    options = [option(row, choice, time.time()) for row in rows_for(session, choice)]
    matches = checkpoint_list.count(session, Selection(text=choice.text))
    return page(
        request,
        "pages/compare.html",
        422 if error or asked.open else 200,
        page="compare",
        bases=[one for one in options if one.base and one.ready],
        options=options,
        text=choice.text,
        matches=matches,
        shown=SHOWN,
        chooser=asked,
        error=error,
        most=runs.MOST_CHECKPOINTS - 1,
    )


def rows_for(session: Reading, choice: Choice) -> list[models.Checkpoint]:
    """What is chosen and the newest that the search finds, in the order of their upload; nothing that was rejected."""
    found = {row.id: row for row, _ in checkpoint_list.find(session, Selection(text=choice.text), SHOWN)}
    chosen = [session.get(models.Checkpoint, identity) for identity in (choice.base, *choice.tuned)]
    found |= {row.id: row for row in chosen if row is not None and row.trashed_at is None}
    return [found[identity] for identity in sorted(found) if found[identity].state != CheckpointState.REJECTED]


def option(row: models.Checkpoint, choice: Choice, now: float) -> Option:
    facts = row.facts
    parts = [
        row.kind,
        facts.get("method"),
        None if facts.get("rank") is None else f"rank {facts['rank']}",
        None if row.parameters is None else f"{numbers.parameters(row.parameters)} parameters",
    ]
    return Option(
        id=row.id,
        name=row.name,
        words=", ".join(str(one) for one in parts if one) or "being read",
        added=numbers.describe_age(row.created_at, now),
        look=states.checkpoint(row.state),
        base=row.kind != "adapter",
        ready=row.state == CheckpointState.READY,
        is_base=row.id == choice.base,
        is_tuned=row.id in choice.tuned and row.id != choice.base,
    )


def guess_base(checkpoints: Sequence[models.Checkpoint], tuned: Sequence[int]) -> int:
    """The newest base of the name that a tuned checkpoint states, or else the only model that it can be; 0: open."""
    base_names = [str(row.facts.get("base_model") or "") for row in checkpoints if row.id in tuned]
    names = {name.rstrip("/").rpartition("/")[2].lower() for name in base_names} - {""}
    could = [
        row
        for row in checkpoints
        if row.kind != "adapter" and row.state == CheckpointState.READY and row.id not in tuned
    ]
    fitting = [row for row in could if row.name.lower().removesuffix(".safetensors") in names]
    return fitting[-1].id if fitting else could[0].id if len(could) == 1 else 0


@router.post("")
def compare(request: Request, session: Writing, sent: Sent) -> Response:
    """Starts the run and shows it; or the form again, with what is wrong."""
    base, tuned = (_ids(sent.get(name, ())) for name in ("base", "tuned"))
    text = next(iter(sent.get("find", ())), "")[:SEARCHED]
    choice = Choice(base[0] if base else 0, tuple(one for one in tuned if one not in base), text)
    options = chooser.read(sent, chooser.OF_SEVERAL)
    wrong = NO_BASE if not choice.base else "" if choice.tuned else NO_TUNED
    if isinstance(options, chooser.Chooser):
        return form(request, session, choice, options, wrong)
    if not wrong:
        try:
            with session.begin_nested():
                return see(f"/runs/{start_run(session, choice, options).id}")
        except (EigenscopeError, ServiceError) as error:
            wrong = sentence(str(error))
    return form(request, session, choice, chooser.chooser_as_sent(sent, chooser.OF_SEVERAL), wrong)


def start_run(session: Writing, choice: Choice, asked: chooser.Asked) -> models.Run:
    """The run; without what needs more tuned checkpoints than there are."""
    ids = [choice.base, *choice.tuned]
    possible = {name: options for name, options in asked.items() if groups(diagnostic(name).scope, len(ids))}
    return runs.request(session, ids, possible or asked)


def _ids(fields: Sequence[str]) -> list[int]:
    ids = [int(text) for text in fields if text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_ID))]
    return [one for one in ids if 0 < one <= LARGEST_ID]
