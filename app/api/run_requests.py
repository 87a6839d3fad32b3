"""A run with a gate: the policy that it is held to, and who hears of its end."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from app import models
from app.api.schemas import AnalysisRequest, Run, run_json
from app.api.verdicts import BaselineOf, PolicyText
from app.db import Session


class RunRequest(AnalysisRequest):
    """What to analyse and how, a policy to check, and a webhook."""

    policy: PolicyText | None = Field(
        None, description="Checked when the run ends; without `diagnostics` it also defines what is measured."
    )
    baseline: BaselineOf = None
    webhook: str | None = Field(
        None,
        max_length=2000,
        description="Receives a signed message when the run has ended; only hosts that the administrator allows.",
        examples=[None],
    )

    @model_validator(mode="after")
    def _baseline_of_a_policy(self) -> Self:
        if self.baseline is not None and self.policy is None:
            raise ValueError("a baseline needs a policy: send the policy too")
        return self


class RunWebhook(BaseModel):
    """A webhook with its secret, which is shown only once."""

    id: int = Field(examples=[1])
    url: str = Field(examples=["https://ci.example/hooks/eigenscope"])
    secret: str = Field(description="Signs every message. Shown only once.", examples=["whsec_…"])


class CreatedRun(Run):
    """The created run."""

    webhook: RunWebhook | None = Field(None, examples=[None])


def hook_json(row: models.Webhook) -> RunWebhook:
    return RunWebhook(id=row.id, url=row.url, secret=row.secret)


def requested_json(session: Session, run: models.Run, hook: models.Webhook | None) -> CreatedRun:
    body = run_json(session, run)
    return CreatedRun(**body.model_dump(), webhook=None if hook is None else hook_json(hook))
