"""The application: its routes, its headers, its files; and `serve`, which refuses what cannot work."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app import main
from app.access import kept_token
from app.main import _login_line, plotly_name
from app.queue import supervisor as embedded
from app.settings import Settings
from frontend.document.assets import plotly_script
from tests.service import ADDRESS, Service, settings


def test_every_answer_has_the_careful_headers(service: Service) -> None:
    for path in ("/api/v1/runs", "/nowhere", f"/static/{plotly_name()}"):
        headers = service.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"]


def test_the_server_starts_without_what_only_workers_need() -> None:
    code = "import sys, app.main; sys.exit(not {'torch', 'scipy.stats', 'jaxtyping'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_plotly_comes_from_the_installed_package_for_good(service: Service) -> None:
    answer = service.client.get(f"/static/{plotly_name()}")
    assert answer.content == plotly_script().read_bytes()
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert plotly_name().removeprefix("plotly-")[0].isdigit()


def test_the_documentation_that_loads_from_elsewhere_is_off(service: Service) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert service.client.get(path).status_code == 404


def test_strangers_are_kept_out(service: Service) -> None:
    answer = service.client.get("/api/v1/runs", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (421, "host-not-allowed")
    answer = service.client.post("/api/v1/runs", json={"checkpoints": [1]}, headers={"origin": "http://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin-not-allowed")


def test_a_token_is_asked_for_where_one_is_set(tmp_path: Path) -> None:
    service = Service(settings(tmp_path, host="0.0.0.0", token="correct horse battery"))
    refused = service.client.get("/api/v1/runs")
    assert (refused.status_code, refused.json()["code"]) == (401, "token-required")
    assert refused.headers["www-authenticate"] == "Bearer"
    allowed = service.client.get("/api/v1/runs", headers={"authorization": "Bearer correct horse battery"})
    assert allowed.status_code == 200
    service.close()


def test_the_schema_is_told_without_the_pages(service: Service) -> None:
    paths = service.get("/api/v1/openapi.json")["paths"]
    assert "/api/v1/runs/{id}/report" in paths
    assert all(path.startswith("/api/v1/") or path in ("/health", "/metrics") for path in paths)


def test_the_lifespan_closes_what_it_opened(tmp_path: Path) -> None:
    app = main.create_app(settings(tmp_path))
    app.state.database.migrate()
    with TestClient(app, base_url=ADDRESS, client=("127.0.0.1", 50_000)) as client:
        assert client.get("/api/v1/runs").json() == []


def test_a_port_that_is_taken_stops_it_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Cannot listen at 127.0.0.1:{port}: .* --port"):
            main.serve(Settings(data_dir=tmp_path, port=port))


def test_a_data_folder_in_use_stops_it(tmp_path: Path) -> None:
    with embedded.lock(tmp_path), pytest.raises(SystemExit, match="`eigenscope serve` already uses"):
        main.serve(Settings(data_dir=tmp_path, port=0))


def test_the_collector_does_not_look_through_what_was_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look through all of it holds every reader up; so does one through the reports that are kept."""
    steps: list[str] = []
    monkeypatch.setattr("gc.freeze", lambda: steps.append("frozen"))
    monkeypatch.setattr("gc.set_threshold", lambda *after: steps.append(f"after {after[0] * after[1] * after[2]}"))
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: steps.append("served"))
    main.serve(Settings(data_dir=tmp_path, port=0, broker_url="redis://127.0.0.1:1"))
    assert steps == ["frozen", "after 10000000", "served"]


def test_who_may_use_it_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.kept_token.other_accounts", lambda: ["ann"])
    line = _login_line(Settings(data_dir=tmp_path), "http://127.0.0.1:8000/")
    assert "Other people have accounts on this machine (ann), and can use it too" in line
    assert "--new-token" in line
    monkeypatch.setattr("app.access.kept_token.other_accounts", list)
    assert "need no login" in _login_line(Settings(data_dir=tmp_path), "http://127.0.0.1:8000/")
    token = kept_token.make(tmp_path)
    line = _login_line(Settings(data_dir=tmp_path, token=SecretStr(token)), "http://127.0.0.1:8000/")
    assert f"http://127.0.0.1:8000/login with the token {token}" in line
    own = _login_line(Settings(data_dir=tmp_path, token=SecretStr("of-the-administrator")), "http://127.0.0.1:8000/")
    assert "of-the-administrator" not in own
