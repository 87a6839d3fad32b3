"""Badges over HTTP: a link for members of the project, an image for another site's page."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.gate.badges import KEY
from tests.service import Service, model

POLICY = {"rules": [{"column": "norms.rank_loss", "max": 0}]}
NAME = "models/a b@main&x=1"


@pytest.fixture
def judged(service: Service) -> Service:
    service.client.post("/api/v1/checkpoints", params={"filename": "m.safetensors", "name": NAME}, content=model())
    service.client.post("/api/v1/runs", json={"checkpoints": [1], "policy": POLICY})
    service.work()
    service.get("/api/v1/runs/1/verdict")
    return service


def path_of(url: str) -> str:
    return urlsplit(url).path + "?" + urlsplit(url).query


def test_everyone_with_the_link_sees_the_badge_on_any_site(judged: Service) -> None:
    link = judged.get("/api/v1/badge", name=NAME)
    assert link["markdown"] == f"![eigenscope]({link['url']})"
    asked = parse_qs(urlsplit(link["url"]).query)
    assert (asked["project"], asked["name"]) == (["default"], [NAME])
    elsewhere = {"X-Forwarded-For": "203.0.113.7", "Sec-Fetch-Site": "cross-site", "Origin": "https://forge.example"}
    answer = judged.client.get(path_of(link["url"]), headers=elsewhere)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert ">pass<" in answer.text
    refused = judged.client.get("/api/v1/badge", params={"name": NAME}, headers=elsewhere)
    assert refused.status_code == 401  # the link itself is for those who may see the project


def test_a_link_shows_its_own_name_and_no_other(judged: Service) -> None:
    url = path_of(judged.get("/api/v1/badge", name=NAME)["url"])
    for changed in (url.replace("main", "dev"), url.replace("project=default", "project=other"), f"{url}0", url[:-1]):
        assert judged.client.get(changed).status_code == 404
    assert judged.client.get("/api/v1/badge.svg").status_code in (400, 422)
    other = judged.get("/api/v1/badge", name="never-sent")["url"]
    assert ">unknown<" in judged.client.get(path_of(other)).text


def test_a_new_key_ends_every_link(judged: Service) -> None:
    url = path_of(judged.get("/api/v1/badge", name=NAME)["url"])
    (Path(judged.settings.data_dir) / KEY).unlink()
    assert judged.client.get(url).status_code == 404
    assert judged.client.get(path_of(judged.get("/api/v1/badge", name=NAME)["url"])).status_code == 200
