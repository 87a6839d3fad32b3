"""Verdicts over HTTP, in each of their forms."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from analysis.gate.schema import schema
from app.gate import verdicts
from tests.hostile import entry, safetensors
from tests.service import Service, model

POLICY = "rules:\n  - {name: rank, column: norms.rank_loss, max: 0}\n"
FAILING = {"rules": [{"column": "norms.rank_loss", "min": 1}]}


def ask(service: Service, status: int = 201, run: int = 1, **body: Any) -> Any:
    answer = service.client.post(f"/api/v1/runs/{run}/verdicts", json={"policy": POLICY, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_policy_as_text_or_as_json(analysed: Service) -> None:
    text, same = (
        ask(analysed),
        ask(analysed, policy={"rules": [{"name": "rank", "column": "norms.rank_loss", "max": 0}]}),
    )
    assert (text["verdict"], text["passed"], text["source"]) == ("pass", True, POLICY)
    assert text["policy"] == same["policy"]
    assert text["rules"] == same["rules"]
    failed = ask(analysed, policy=FAILING)
    assert (failed["verdict"], failed["passed"]) == ("fail", False)
    assert analysed.get("/api/v1/runs/1/verdicts/3") == failed
    assert [each["id"] for each in analysed.get("/api/v1/runs/1/verdicts")] == [3, 2, 1]
    assert analysed.get("/api/v1/runs/1/verdict") == failed


def test_with_the_run_s_request(service: Service) -> None:
    service.upload(model())
    run = service.client.post("/api/v1/runs", json={"checkpoints": [1], "policy": POLICY}).json()
    assert list(run["diagnostics"]) == ["norms"]  # what the policy is about
    waiting = service.client.get("/api/v1/runs/1/verdict")
    assert (waiting.status_code, waiting.json()["state"], waiting.json()["passed"]) == (202, "waiting", None)
    service.work()
    done = service.client.get("/api/v1/runs/1/verdict", params={"wait": 60})
    assert (done.status_code, done.json()["passed"]) == (200, True)


FORMS = [
    ("xml", "application/xml", "application/xml"),
    ("md", "text/markdown", "text/markdown; charset=utf-8"),
    ("svg", "image/svg+xml", "image/svg+xml"),
    ("json", "application/json", "application/json"),
]


@pytest.mark.parametrize(("form", "accept", "kind"), FORMS)
def test_forms_by_suffix_and_by_accept(analysed: Service, form: str, accept: str, kind: str) -> None:
    ask(analysed)
    answers = [
        analysed.client.get(path, headers=headers)
        for place in ("/api/v1/runs/1/verdict", "/api/v1/runs/1/verdicts/1")
        for path, headers in ((f"{place}.{form}", {}), (place, {"Accept": f"{accept};q=0.9, */*"}))
    ]
    assert {answer.headers["content-type"] for answer in answers} == {kind}
    assert len({answer.text for answer in answers}) == 1
    assert all("Accept" in answer.headers["vary"].split(", ") for answer in answers)


def test_before_the_end_a_form_is_json_that_says_so_and_a_badge_says_it(service: Service) -> None:
    service.upload(model())
    service.client.post("/api/v1/runs", json={"checkpoints": [1], "policy": POLICY})
    for form in ("xml", "md"):
        answer = service.client.get(f"/api/v1/runs/1/verdict.{form}")
        assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert "pending" in service.client.get("/api/v1/runs/1/verdict.svg").text


def test_names_of_tensors_are_only_names(service: Service) -> None:
    names = ["<script>alert(1)</script>", "a\x00b|c\n", "]]>&", "*b*"]
    header = {name: entry(64 * n, 64 * n + 64, (4, 4)) for n, name in enumerate(names)}
    service.upload(safetensors(header, bytes(64 * len(names))))
    service.run(1, diagnostics={"norms": {}})
    service.work()
    told = ask(service, policy={"rules": [{"name": "<b>", "column": "norms.rank_loss", "max": 0}]})
    assert {each["weight"] for each in told["rules"][0]["offenders"]} == set(names)
    ET.fromstring(service.client.get("/api/v1/runs/1/verdict.xml").text)
    assert "<script>" not in service.client.get("/api/v1/runs/1/verdict.md").text
    page = service.client.get("/runs/1").text
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"policy": "rules: []"}, 400, "bad-policy"),
        ({"policy": "rules: [{column: esd.alfa, min: 2}]"}, 400, "bad-policy"),
        ({"policy": 7}, 422, "invalid-request"),
        ({"policy": POLICY, "color": 1}, 422, "invalid-request"),
        ({"policy": POLICY, "baseline": 99}, 404, "not-found"),
        ({"policy": POLICY, "baseline": {}}, 400, "bad-baseline"),
        ({"policy": POLICY, "baseline": 0}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_judged_is_said(analysed: Service, body: dict[str, Any], status: int, code: str) -> None:
    assert ask(analysed, status, **body)["code"] == code
    assert analysed.get("/api/v1/runs/1/verdicts") == []


def test_what_is_not_there(analysed: Service) -> None:
    assert analysed.get("/api/v1/runs/1/verdict", 404)["code"] == "not-found"
    assert analysed.get("/api/v1/runs/9/verdict", 404)["code"] == "not-found"
    assert analysed.get("/api/v1/runs/1/verdicts/1", 404)["code"] == "not-found"
    assert ask(analysed, 404, run=9)["code"] == "not-found"
    ask(analysed)
    analysed.run(1)
    assert analysed.get("/api/v1/runs/2/verdicts/1", 404)["code"] == "not-found"  # it is run 1's


def test_another_project_s_are_not_there(analysed: Service) -> None:
    ask(analysed)
    analysed.client.post("/api/v1/projects", json={"name": "other"})
    other = analysed.caller(**{"Eigenscope-Project": "other"})
    for path in ("verdict", "verdict.md", "verdicts", "verdicts/1", "verdicts/1.xml", "deliveries"):
        assert other.get(f"/api/v1/runs/1/{path}").status_code == 404, path
    assert other.post("/api/v1/runs/1/verdicts", json={"policy": POLICY}).status_code == 404
    assert other.get("/api/v1/runs/1", params={"wait": 1}).status_code == 404
    other.post("/api/v1/checkpoints", params={"filename": "m.safetensors"}, content=model())
    other.post("/api/v1/runs", json={"checkpoints": [2]})
    analysed.work()
    assert other.post("/api/v1/runs/2/verdicts", json={"policy": POLICY, "baseline": 1}).status_code == 404
    named = other.post("/api/v1/runs/2/verdicts", json={"policy": POLICY, "baseline": "model.safetensors"})
    assert (named.status_code, named.json()["has_baseline"]) == (201, False)


def test_nobody_waits_while_a_policy_is_read_and_judged(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, seen = analysed.everything._turns, []

    def free(name: str, of: Any) -> None:
        whole = getattr(of, name)

        def look(*args: Any, **more: Any) -> Any:
            seen.append((name, turns.locked()))
            return whole(*args, **more)

        monkeypatch.setattr(of, name, look)

    for name in ("parse_policy", "judge"):
        free(name, verdicts)
    ask(analysed)
    body = {"checkpoints": [1], "policy": POLICY}
    assert analysed.client.post("/api/v1/runs", json=body).status_code == 201
    analysed.work()
    assert analysed.get("/api/v1/runs/2/verdict")["state"] == "done"
    assert seen == [("parse_policy", False), ("judge", False), ("parse_policy", False), ("judge", False)]


def test_the_schema_is_published(service: Service) -> None:
    assert service.get("/api/v1/policy-schema") == schema()


def test_a_report_of_many_layers_may_be_the_baseline(analysed: Service) -> None:
    """Of a thousand layers it has more than the mebibyte that other bodies may have."""
    report = analysed.get("/api/v1/runs/1/report")
    report["remark"] = "x" * (3 << 20)
    asked = {"policy": "rules:\n  - {column: esd.alpha, aggregate: median, between: [0, 90]}\n", "baseline": report}
    answer = analysed.client.post("/api/v1/runs/1/verdicts", json=asked)
    assert answer.status_code == 201, answer.text
    large = analysed.client.post("/api/v1/mitigations", json={"remark": "x" * (1 << 20)})
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
