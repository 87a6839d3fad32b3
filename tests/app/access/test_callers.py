"""Who may: every route with every kind of caller, and two projects that know nothing of each other."""

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text, update

from app.access import callers as access
from app.access import projects, quotas, tokens
from app.access.callers import Credentials, is_local, required_scope
from app.api.events import may_listen
from app.models import Project, Transfer
from app.settings import Settings
from app.uploads import resumable as transfers
from app.web.guard import OPEN_PATHS, STATIC
from tests.service import Service, model, settings

MASTER = "a-token-of-some-length"
WORDS = ("name", "key", "diagnostic")  # parameters that are no numbers
WRONG = f"esc_{'0' * 12}_{'0' * 64}"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Service]:
    """A service with EIGENSCOPE_TOKEN, projects 1 and 2 (“other”)."""
    made = Service(settings(tmp_path / "data", token=MASTER, rate_limit=0))
    with made.everything.writing() as session:
        projects.create(session, "other")
    yield made
    made.close()


def token(service: Service, scope: str, project: str | None = "default", days: float | None = None) -> str:
    with service.everything.writing() as session:
        return tokens.create(session, f"{scope} of {project}", scope, project, days)[1]


def routes(service: Service) -> list[tuple[str, str]]:
    """Every (method, path) that the application has, with ids in place of parameters, and some that it has not."""
    found = []
    for route in iter_route_contexts(service.app.routes):
        path = route.path or ""
        filled = re.sub(r"\{(\w+)(:path)?\}", lambda part: "a" if part[1] in WORDS else "1", path)
        found += [(method, filled) for method in sorted(route.methods or {"GET", "POST"})]
    unknown = [(method, "/api/v1/secrets") for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")]
    return [*found, *unknown, ("GET", "/nowhere"), ("POST", "//api/v1/runs"), ("DELETE", "/api/v1/../v1/runs/1")]


def is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(STATIC)


def test_nobody_gets_in_without_a_good_token(guarded: Service) -> None:
    strangers = [
        guarded.caller(),
        guarded.caller(WRONG),
        guarded.caller("x"),
        guarded.caller(**{"Cookie": "eigenscope=x"}),
    ]
    walked = routes(guarded)
    assert len(walked) > 60
    for stranger in strangers:
        for number, (method, path) in enumerate(walked):
            if is_open(path):
                continue
            # addresses of their own, so that the limit for strangers does not answer instead
            answer = stranger.request(method, path, headers={"X-Test": str(number)})
            assert answer.status_code in (401, 429), (method, path, answer.status_code)


def test_what_is_open_tells_nothing(guarded: Service) -> None:
    stranger = guarded.caller()
    assert stranger.get("/login").status_code == 200
    assert stranger.post("/login/out").status_code == 401
    assert stranger.get("/static/../api/v1/runs").status_code in (401, 404)


def test_read_may_look_and_write_may_change_and_neither_may_rule(guarded: Service) -> None:
    reader, writer = (guarded.caller(token(guarded, scope)) for scope in ("read", "write"))
    for method, path in routes(guarded):
        if is_open(path):
            continue
        asked = required_scope(method, path)
        for caller, scope in ((reader, "read"), (writer, "write")):
            answer = caller.request(method, path, follow_redirects=False)
            refused = tokens.SCOPES.index(scope) < tokens.SCOPES.index(asked)
            told = answer.content and answer.headers["content-type"].endswith("problem+json")
            said = answer.json()["code"] if told else {403: "not-allowed"}.get(answer.status_code)  # HEAD has no body
            assert (said == "not-allowed") == refused, (method, path, scope, answer.status_code)


def test_an_admin_of_one_project_is_none_of_all(guarded: Service) -> None:
    """Tokens and the audit log are of the whole service."""
    narrow, wide = guarded.caller(token(guarded, "admin")), guarded.caller(token(guarded, "admin", None))
    for path in ("/api/v1/tokens", "/api/v1/audit", "/api/v1/projects", "/access", "/metrics"):
        assert narrow.get(path).status_code == 403, path
        assert wide.get(path).status_code == 200, path


def things(service: Service) -> list[tuple[str, str]]:
    """Every route that names a checkpoint, run or mitigation of project 1 by its id."""
    named = re.compile(r"/(checkpoints|runs|mitigations)/1(/|$)")
    return [(method, path) for method, path in routes(service) if named.search(path)]


def test_another_projects_ids_are_not_found(guarded: Service) -> None:
    own = guarded.caller(token(guarded, "write"))
    sent = own.post("/api/v1/checkpoints", params={"filename": "model.safetensors"}, content=model())
    assert sent.status_code == 201
    assert own.post("/api/v1/runs", json={"checkpoints": [1]}).status_code == 201
    guarded.work()
    stranger = guarded.caller(token(guarded, "write", "other"))
    walked = things(guarded)
    assert len(walked) > 20
    for method, path in walked:
        answer = stranger.request(method, path, json={} if method == "PATCH" else None, follow_redirects=False)
        assert answer.status_code in (404, 422), (method, path, answer.status_code)
    for path in ("checkpoints", "runs", "mitigations"):
        assert stranger.get(f"/api/v1/{path}").json() == []
    assert stranger.post("/api/v1/runs", json={"checkpoints": [1]}).status_code == 404
    assert own.get("/api/v1/runs/1").json()["state"] == "done"
    assert own.get("/api/v1/runs/1/report").status_code == 200


def test_a_new_checkpoint_of_another_project_is_invisible_but_its_bytes_are_stored_once(guarded: Service) -> None:
    for project in ("default", "other"):
        caller = guarded.caller(token(guarded, "write", project))
        assert caller.post("/api/v1/checkpoints", content=model()).status_code == 201
        assert len(caller.get("/api/v1/checkpoints").json()) == 1
    assert len(list(guarded.storage.blobs.glob("??/*"))) == 1


def test_who_may_choose_a_project(guarded: Service) -> None:
    chosen = {"Eigenscope-Project": "other"}
    wide = guarded.caller(token(guarded, "admin", None))
    assert wide.get("/api/v1/me", headers=chosen).json()["project"]["name"] == "other"
    assert wide.get("/api/v1/me").json()["project"]["name"] == "default"
    assert wide.get("/api/v1/me", headers={"Eigenscope-Project": "none"}).status_code == 404
    own = guarded.caller(token(guarded, "read"))
    assert own.get("/api/v1/me", headers=chosen).status_code == 403
    assert own.get("/api/v1/me", headers={"Eigenscope-Project": "default"}).json()["scope"] == "read"


def test_a_project_that_a_cookie_has_kept_locks_nobody_out(guarded: Service) -> None:
    wide, own = guarded.caller(token(guarded, "admin", None)), guarded.caller(token(guarded, "read"))
    for caller, kept, project in (
        (wide, "other", "other"),
        (wide, "gone", "default"),
        (wide, "%00", "default"),
        (own, "other", "default"),
        (own, "gone", "default"),
    ):
        answer = caller.get("/api/v1/me", headers={"Cookie": f"eigenscope_project={kept}"})
        assert (answer.status_code, answer.json()["project"]["name"]) == (200, project), kept
    strict = {"Cookie": "eigenscope_project=default", "Eigenscope-Project": "gone"}
    assert wide.get("/api/v1/me", headers=strict).status_code == 404
    assert own.get("/api/v1/me", headers=strict).status_code == 403


def test_a_revoked_or_expired_token_is_nobodys_at_once(guarded: Service) -> None:
    shown = token(guarded, "read")
    caller = guarded.caller(shown)
    assert caller.get("/api/v1/runs").status_code == 200
    with guarded.everything.writing() as session:
        tokens.revoke(session, shown.split("_")[1])
    assert caller.get("/api/v1/runs").status_code == 401
    late = guarded.caller(token(guarded, "read", days=1e-9))
    assert late.get("/api/v1/runs").status_code == 401


def test_use_is_noted_once(guarded: Service) -> None:
    shown = token(guarded, "read")
    for _ in range(3):
        assert guarded.caller(shown).get("/api/v1/runs").status_code == 200
    lines = guarded.caller(MASTER).get("/api/v1/audit", params={"action": "token.use"}).json()
    assert [line["subject"] for line in lines] == [f"read of default (esc_{shown.split('_')[1]})"]
    (row,) = guarded.caller(MASTER).get("/api/v1/tokens").json()
    assert row["used_at"] is not None
    assert shown.split("_")[2] not in str(row)


def test_a_read_goes_on_while_the_use_of_its_token_cannot_be_noted(
    guarded: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection holds SQLite's one write lock."""
    monkeypatch.setattr(access, "NOTE_SECONDS", 0.2)
    reader = guarded.caller(token(guarded, "read"))
    with guarded.everything.writing() as session:
        session.execute(text("UPDATE tokens SET name = name"))  # takes the lock
        began = time.monotonic()
        assert reader.get("/api/v1/runs").status_code == 200
        assert reader.get("/api/v1/runs").status_code == 200
        assert time.monotonic() - began < 10
    assert access.NOTING.acquire(timeout=60)  # the note that waited is made now
    access.NOTING.release()
    (row,) = guarded.caller(MASTER).get("/api/v1/tokens").json()
    assert row["used_at"] is not None


@pytest.mark.parametrize(
    ("shown", "local"),
    [
        (Credentials(peer="127.0.0.1", host="127.0.0.1:8000"), True),
        (Credentials(peer="::1", host="localhost"), True),
        (Credentials(peer="10.0.0.7", host="127.0.0.1:8000"), False),  # from elsewhere, whatever it calls us
        (Credentials(peer="127.0.0.1", host="lab.example"), False),  # through a proxy that says nothing of it
        (Credentials(peer="127.0.0.1", host="127.0.0.1", forwarded=True), False),
        (Credentials(peer="", host="127.0.0.1"), False),
        (Credentials(peer="127.0.0.1", host=None), False),
    ],
)
def test_this_machine_alone_needs_no_login(shown: Credentials, local: bool) -> None:
    assert is_local(Settings(allowed_hosts=("lab.example",)), shown) is local
    assert not is_local(Settings(token=MASTER), shown)
    assert not is_local(Settings(proxy_addresses=("127.0.0.0/8", "::1/128")), shown)


def test_a_service_behind_a_proxy_on_the_same_machine_is_not_open(service: Service) -> None:
    """The hole that address checks have: with a proxy in front, everybody comes from 127.0.0.1."""
    assert service.client.get("/api/v1/runs").status_code == 200
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        assert service.caller(**{header: "127.0.0.1"}).get("/api/v1/runs").status_code == 401


def test_a_trusted_proxy_says_who_it_is_and_nobody_else_does(tmp_path: Path) -> None:
    trusting = {"proxy_addresses": "127.0.0.1", "proxy_user_header": "X-User", "proxy_scope": "read"}
    service = Service(settings(tmp_path, **trusting))
    known = service.caller(**{"X-User": "ada", "X-Forwarded-For": "10.0.0.7"})
    assert known.get("/api/v1/me").json()["name"] == "user ada"
    assert known.post("/api/v1/runs", json={"checkpoints": [1]}).status_code == 403
    assert service.caller(**{"X-Forwarded-For": "10.0.0.7"}).get("/api/v1/me").status_code == 401
    service.close()
    plain = Service(settings(tmp_path, proxy_user_header="X-User"))
    assert plain.caller(**{"X-User": "ada", "X-Forwarded-For": "10.0.0.7"}).get("/api/v1/me").status_code == 401
    plain.close()


SENT: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("POST", "/api/v1/checkpoints", {}),
    ("PUT", "/api/v1/checkpoints", {}),
    ("PUT", f"/api/v1/blobs/{hashlib.sha256(model()).hexdigest()}", {}),
    (
        "POST",
        "/api/v1/uploads",
        {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(model())),
            "Content-Type": "application/offset+octet-stream",
        },
    ),
)


@pytest.mark.parametrize(("method", "path", "headers"), SENT)
def test_a_token_that_is_revoked_while_its_bytes_come_makes_nothing(
    guarded: Service, method: str, path: str, headers: dict[str, str]
) -> None:
    shown = token(guarded, "write")

    def body() -> Iterator[bytes]:
        yield model()[:100]
        with guarded.everything.writing() as session:
            tokens.revoke(session, shown.split("_")[1])
        yield model()[100:]

    answer = guarded.caller(shown).request(method, path, content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "token-required"), answer.text
    assert guarded.caller(MASTER).get("/api/v1/checkpoints").json() == []
    assert not list(guarded.storage.blobs.glob("??/*"))


def test_strangers_are_slowed_down(guarded: Service) -> None:
    answers = [guarded.caller("x").get("/api/v1/runs") for _ in range(70)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["code"] == "too-many-requests"
    assert guarded.caller(MASTER).get("/api/v1/runs").status_code == 200  # who has a good token is not


def test_strangers_keep_nobody_from_signing_in(guarded: Service) -> None:
    for _ in range(70):
        guarded.caller("x").get("/api/v1/runs")
    assert guarded.caller().post("/login", data={"token": "wrong"}).status_code == 401
    statuses = [guarded.caller().post("/login", data={"token": "wrong"}).status_code for _ in range(70)]
    assert statuses[-1] == 429


def test_the_address_that_a_trusted_proxy_tells_is_counted(tmp_path: Path) -> None:
    service = Service(settings(tmp_path, token=MASTER, proxy_addresses=("127.0.0.1",)))
    for _ in range(70):
        last = service.caller("x", **{"X-Forwarded-For": "10.0.0.1, 10.0.0.7"}).get("/api/v1/runs")
    assert last.status_code == 429
    assert service.caller("x", **{"X-Forwarded-For": "10.0.0.7, 10.0.0.8"}).get("/api/v1/runs").status_code == 401
    service.close()


def test_whose_word_on_an_address_counts() -> None:
    trusting = Settings(proxy_addresses=("10.1.0.0/16",))
    assert access.address(trusting, "10.1.0.5", "1.2.3.4, 5.6.7.8, 10.1.0.6") == "5.6.7.8"
    assert access.address(trusting, "10.1.0.5", "") == "10.1.0.5"
    assert access.address(trusting, "10.2.0.5", "1.2.3.4") == "10.2.0.5"


def test_a_caller_has_so_many_requests(tmp_path: Path) -> None:
    service = Service(settings(tmp_path, token=MASTER, rate_limit=5))
    statuses = [service.caller(MASTER).get("/api/v1/runs").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    service.close()


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [("GET", "/runs/1", "read"), ("HEAD", "/", "read"), ("POST", "/anything", "write"), ("BREW", "/", "write"),
     ("GET", "/api/v1/tokens", "admin"), ("GET", "/access", "admin"), ("GET", "/api/v1/tokens/x", "admin"),
     ("GET", "/accessible", "read"), ("POST", "/login/out", "read")],
)  # fmt: skip
def test_what_a_request_takes(method: str, path: str, scope: str) -> None:
    assert required_scope(method, path) == scope


def test_the_callers_name_is_in_the_audit_log(guarded: Service) -> None:
    shown = token(guarded, "write")
    caller = guarded.caller(shown)
    assert caller.post("/api/v1/checkpoints", content=model()).status_code == 201
    assert caller.delete("/api/v1/checkpoints/1").status_code == 204
    lines: list[dict[str, Any]] = guarded.caller(MASTER).get("/api/v1/audit").json()
    told = {line["action"]: line for line in lines}
    assert told["checkpoint.delete"]["actor"] == f"token write of default (esc_{shown.split('_')[1]})"
    assert told["checkpoint.delete"]["subject"].startswith("checkpoint 1, ")
    assert told["checkpoint.receive"]["detail"]["files"] == 1
    assert access.ADMIN_PATHS[2] == "/api/v1/audit"


def test_another_projects_bytes_are_not_told_of(guarded: Service) -> None:
    """Neither by digest nor by upload: who does not have the bytes must send them, whoever else has them."""
    digest = hashlib.sha256(model()).hexdigest()
    tus = {"Tus-Resumable": "1.0.0"}
    piece = {**tus, "Content-Type": "application/offset+octet-stream"}
    own, stranger = (guarded.caller(token(guarded, "write", project)) for project in ("default", "other"))
    begun = own.post("/api/v1/uploads", headers={**piece, "Upload-Length": "5"}, content=b"abc").headers["location"]
    assert own.put(f"/api/v1/blobs/{digest}", content=model()).status_code == 201
    assert own.head(f"/api/v1/blobs/{digest}").status_code == 200
    for answer in (
        stranger.head(f"/api/v1/blobs/{digest}"),
        stranger.head(begun, headers=tus),
        stranger.patch(begun, headers={**piece, "Upload-Offset": "3"}, content=b"de"),
        stranger.delete(begun, headers=tus),
        stranger.post("/api/v1/checkpoints", json={"files": [{"sha256": digest}]}),
        stranger.post("/api/v1/checkpoints", json={"files": [{"upload": begun.rpartition("/")[2]}]}),
    ):
        assert answer.status_code == 404, answer.request.url
    assert stranger.put(f"/api/v1/blobs/{digest}", content=b"other bytes").json()["code"] == "digest-mismatch"
    assert stranger.put(f"/api/v1/blobs/{digest}", content=model()).status_code == 201
    assert own.head(begun, headers=tus).headers["upload-offset"] == "3"
    assert len(list(guarded.storage.blobs.glob("??/*"))) == 1
    with guarded.everything.writing() as session:
        session.execute(update(Transfer).where(Transfer.project_id == 1).values(expires_at=1.0))
    assert own.head(f"/api/v1/blobs/{digest}").status_code == 404
    transfers.expire(guarded.everything, guarded.storage)
    assert stranger.post("/api/v1/checkpoints", json={"files": [{"sha256": digest}]}).status_code == 201
    guarded.work()
    assert stranger.get("/api/v1/checkpoints").json()[0]["state"] == "ready"


def test_uploads_count_against_the_quota_once(guarded: Service) -> None:
    size = len(model())
    with guarded.everything.writing() as session:
        quotas.set_limits(session, session.get_one(Project, 1), {"bytes": size + 10, "files": 2})
    own = guarded.caller(token(guarded, "write"))
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    too_much = own.post("/api/v1/uploads", headers={**tus, "Upload-Length": str(size + 11)})
    assert too_much.json()["code"] == "quota-exceeded"
    begun = own.post("/api/v1/uploads", headers={**tus, "Upload-Length": str(size)}, content=model())
    assert begun.status_code == 201
    for refused in (
        own.post("/api/v1/uploads", headers={**tus, "Upload-Length": "11"}),
        own.put(f"/api/v1/blobs/{'0' * 64}", content=bytes(11)),
        own.put("/api/v1/checkpoints", content=bytes(11)),
    ):
        assert refused.json()["code"] == "quota-exceeded"
    file = {"upload": begun.headers["location"].rpartition("/")[2]}
    assert own.post("/api/v1/checkpoints", json={"files": [file, file]}).json()["code"] == "quota-exceeded"
    assert own.post("/api/v1/checkpoints", json={"files": [file]}).status_code == 201
    assert own.post("/api/v1/uploads", headers={**tus, "Upload-Length": "10"}).status_code == 201


def test_a_stream_ends_with_the_token_that_opened_it(guarded: Service) -> None:
    with guarded.everything.writing() as session:
        made, _ = tokens.create(session, "CI", "read", "default")
        found = access.Caller("token CI", "read", 1, made.id)
        assert access.still_good(session, found)
        tokens.revoke(session, made.key)
        assert not access.still_good(session, found)
    assert not may_listen(guarded.database, found)
    assert may_listen(guarded.database, access.Caller("this machine", "admin", 1))
