"""Of a run's section “What to do”: the form that asks a rule, and the button that deletes what it said."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from fastapi import APIRouter, Depends, Response

from analysis.errors import OptionError
from analysis.prescriptions import Rule, rule
from analysis.prescriptions.prescription import Prescription as Computed
from analysis.prescriptions.settings import parse_settings
from app import prescriptions, retention
from app.errors import BadRequest
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, see
from app.pages.views.option_fields import read_options
from app.runs import runs
from app.web.dependencies import DatabaseOf, Identity, Number, StorageOf, Writing

router = APIRouter(prefix="/runs", route_class=PageRoute)


def compute(database: DatabaseOf, identity: Identity, sent: Sent) -> Computed | None:
    """What a rule says of the run's tables, computed before the transaction that writes it begins; None: a worker's."""
    with database.reading() as session:
        runs.get(session, identity)
        chosen = rule(_first(sent, "kind"))
        settings, places = _settings(chosen, sent), _places(sent)
        if chosen in prescriptions.FROM_WEIGHTS:
            return None
        with suppress(prescriptions.TableMissing):  # then a worker measures the weights
            return prescriptions.compute(session, identity, chosen.name, settings, places[0] if places else 0)
        return None


def _settings(chosen: Rule, sent: Sent) -> dict[str, object]:
    """The options: from the rule's own fields, or as text, NAME=VALUE. Raises OptionError."""
    if "options" in sent:
        return parse_settings(chosen, _first(sent, "options").replace(",", " ").split())
    errors: dict[str, str] = {}
    found = read_options(chosen.name, chosen.options, sent, errors)
    if errors:
        raise OptionError("; ".join(errors.values()))
    return found


def _places(sent: Sent) -> list[int]:
    """The places of the chosen checkpoints. Raises BadRequest."""
    texts = [text.strip() for text in sent.get("position", [])]
    if not all(text.isascii() and text.isdigit() and len(text) < 5 for text in texts):
        raise BadRequest("“position” must be the place of a checkpoint in the run.")
    return [int(text) for text in texts]


def _first(sent: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(sent.get(name, [])), "").strip()


Found = Depends(compute)


@router.post("/{id}/prescribe")
def prescribe(session: Writing, identity: Identity, sent: Sent, found: Computed | None = Found) -> Response:
    """Keeps what the rule says, or asks a worker for it, and shows it below the form."""
    places = _places(sent)
    if found is not None:
        prescriptions.add(session, identity, places[0] if places else 0, found)
        return see(f"/runs/{identity}#todo")
    chosen = rule(_first(sent, "kind"))
    one = places[0] if len(places) == 1 and chosen.most is not None else None
    several = places if places and one is None else None
    prescriptions.request(session, identity, chosen.name, _settings(chosen, sent), several, one)
    return see(f"/runs/{identity}#todo")


@router.post("/{id}/prescriptions/{number}/delete")
def delete(database: DatabaseOf, storage: StorageOf, identity: Identity, number: Number) -> Response:
    """Deletes it with its files, and stops it if a worker has it."""
    with database.writing() as session:
        digests = prescriptions.delete(session, identity, number)
    with database.writing() as session:
        retention.collect(session, storage, digests)
    return see(f"/runs/{identity}#todo")
