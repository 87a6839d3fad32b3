"""The page of tokens, projects and the audit log."""

import re

from tests.service import Service, model


def test_a_token_is_made_shown_once_and_revoked(service: Service) -> None:
    sent = {"name": "CI <b>", "scope": "write", "project": "default", "days": "30"}
    page = service.client.post("/access/tokens", data=sent).text
    found = re.search(r"esc_([0-9a-z]{12})_[0-9a-f]{64}", page)
    assert found is not None
    assert "CI &lt;b&gt;" in page
    assert found[0] not in service.client.get("/access").text
    answer = service.client.post(f"/access/tokens/{found[1]}/revoke", follow_redirects=False)
    assert answer.headers["location"] == "/access"
    assert "1 revoked or expired" in service.client.get("/access").text


def test_what_makes_no_sense_is_said_on_the_page(service: Service) -> None:
    for sent in ({"name": "", "scope": "read", "project": "default"}, {"name": "x", "scope": "read", "days": "soon"}):
        answer = service.client.post("/access/tokens", data=sent)
        assert answer.status_code == 400
        assert "Could not create it" in answer.text
    assert service.client.post("/access/projects", data={"name": "a b"}).status_code == 400


def test_another_project_is_shown(service: Service) -> None:
    service.upload(model())
    assert service.client.post("/access/projects", data={"name": "vision"}, follow_redirects=False).status_code == 303
    answer = service.client.post("/access/projects/vision/show", follow_redirects=False)
    assert answer.headers["location"] == "/"
    assert service.get("/api/v1/me")["project"]["name"] == "vision"  # the client keeps the cookie
    assert service.get("/api/v1/checkpoints") == []
    assert service.client.post("/access/projects/default/show", follow_redirects=False).status_code == 303
    assert len(service.get("/api/v1/checkpoints")) == 1
    assert service.client.post("/access/projects/nowhere/show").status_code == 404
