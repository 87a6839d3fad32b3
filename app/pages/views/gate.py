"""On a run's page: what its policy says of it, rule by rule."""

from dataclasses import dataclass
from typing import Any

from app import models
from app.gate import verdicts
from app.states import VerdictState
from app.web.dependencies import Reading
from frontend.states import Look, outcome

MOST = 5  # verdicts that a page shows; the API has all


@dataclass(frozen=True, slots=True)
class RuleView:
    look: Look
    name: str
    sentence: str
    weight: str  # the first layer that breaks it, where the page can show one
    holds: bool


@dataclass(frozen=True, slots=True)
class GateView:
    id: int
    look: Look
    headline: str
    rules: tuple[RuleView, ...]
    url: str  # of the verdict in the API


def view(session: Reading, run: models.Run) -> list[GateView]:
    """The run's newest verdicts; none where nobody asked for one."""
    return [_gate(session, row) for row in verdicts.listing(session, run.id)[:MOST]]


def _gate(session: Reading, row: models.Verdict) -> GateView:
    result = verdicts.result_of(session, row)
    url = f"/api/v1/runs/{row.run_id}/verdicts/{row.id}"
    if result is None:
        return GateView(row.id, outcome(VerdictState.WAITING), "The gate waits for the end of the run.", (), url)
    rules = tuple(_rule(rule) for rule in result["rules"])
    return GateView(row.id, outcome(result["verdict"]), result["headline"], rules, url)


def _rule(fields: dict[str, Any]) -> RuleView:
    weight = next((offender["weight"] for offender in fields["offenders"] if offender["weight"]), "")
    holds = fields["outcome"] == "pass"
    return RuleView(outcome(fields["outcome"]), fields["rule"], fields["sentence"], weight, holds)
