"""A run with its policy, its baseline and its webhook in one request."""

from pathlib import Path
from typing import Any

import pytest

from app.models import Run
from tests.service import Service, model, settings

POLICY = {"rules": [{"column": "norms.stable_rank", "max_regression": "5%", "better": "higher"}]}


def ask(service: Service, **body: Any) -> Any:
    return service.client.post("/api/v1/runs", json={"checkpoints": [1], **body})


def test_a_baseline_by_name(analysed: Service) -> None:
    assert ask(analysed, policy=POLICY, baseline="model.safetensors").status_code == 201
    analysed.work()
    told = analysed.get("/api/v1/runs/2/verdict")
    assert (told["passed"], told["baseline_run"]) == (True, 1)


def test_the_run_measures_what_the_policy_is_about_unless_it_says(service: Service) -> None:
    service.upload(model())
    assert list(ask(service, policy=POLICY).json()["diagnostics"]) == ["norms"]
    assert list(ask(service, policy=POLICY, diagnostics={"esd": {}}).json()["diagnostics"]) == ["esd"]
    assert ask(service).json()["webhook"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"policy": "rules: []"}, 400, "bad-policy"),
        ({"baseline": 1}, 422, "invalid-request"),
        ({"policy": POLICY, "baseline": 99}, 404, "not-found"),
        ({"webhook": "https://ci.example/"}, 403, "webhook-not-allowed"),
    ],
)
def test_what_cannot_be_done_makes_no_run(service: Service, body: dict[str, Any], status: int, code: str) -> None:
    service.upload(model())
    answer = ask(service, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    with service.everything.reading() as session:
        assert session.query(Run).count() == 0


def test_a_secret_is_shown_once(tmp_path: Path) -> None:
    service = Service(settings(tmp_path / "data", webhook_hosts=("ci.example",)))
    service.upload(model())
    hook = ask(service, webhook="https://ci.example/hook").json()["webhook"]
    assert (hook["url"], len(hook["secret"])) == ("https://ci.example/hook", 50)
    shown = [
        service.client.get(path).text for path in ("/api/v1/runs/1", "/api/v1/runs/1/deliveries", "/api/v1/webhooks")
    ]
    assert not any(hook["secret"] in text for text in shown)
    service.close()
