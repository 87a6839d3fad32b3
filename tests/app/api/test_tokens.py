"""The tokens' routes."""

from tests.service import Service


def test_a_token_is_made_shown_once_listed_and_revoked(service: Service) -> None:
    made = service.client.post("/api/v1/tokens", json={"name": "CI", "scope": "read"})
    assert made.status_code == 201
    shown = made.json()["token"]
    assert made.json()["created_by"] == "this machine"
    assert service.caller(shown, **{"X-Forwarded-For": "10.0.0.7"}).get("/api/v1/me").json()["scope"] == "read"
    (listed,) = service.get("/api/v1/tokens")
    assert "token" not in listed
    assert service.client.delete(f"/api/v1/tokens/{listed['key']}").status_code == 204
    assert service.get("/api/v1/tokens")[0]["revoked_at"] is not None
    assert service.caller(shown, **{"X-Forwarded-For": "10.0.0.7"}).get("/api/v1/me").status_code == 401
    assert service.client.delete("/api/v1/tokens/000000000000").status_code == 404


def test_a_wrong_token_is_refused_even_from_this_machine(service: Service) -> None:
    assert service.caller("esc_wrong").get("/api/v1/me").status_code == 401
