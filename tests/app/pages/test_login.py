import doctest
from pathlib import Path

import pytest

from app.pages import login
from tests.service import Service, settings

TOKEN = "a-token-of-some-length"
HTML = {"accept": "text/html"}


@pytest.fixture
def guarded(tmp_path: Path) -> Service:
    return Service(settings(tmp_path, token=TOKEN))


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(login).failed == 0


def test_a_reader_is_sent_to_sign_in_and_back(guarded: Service) -> None:
    answer = guarded.client.get("/runs/1?q=a", headers=HTML, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/runs/1%3Fq%3Da"
    assert 'value="/runs/1?q=a"' in guarded.client.get(answer.headers["location"]).text
    answer = guarded.client.post("/login", data={"token": TOKEN, "next": "/api"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/api")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert 'eigenscope_project=""; ' in answer.headers["set-cookie"]
    assert TOKEN not in answer.headers["set-cookie"]
    assert guarded.client.get("/", headers=HTML).status_code == 200
    guarded.close()


def test_a_wrong_token_opens_nothing(guarded: Service) -> None:
    answer = guarded.client.post("/login", data={"token": "wrong"})
    assert answer.status_code == 401
    assert "Invalid or expired token." in answer.text
    assert guarded.client.get("/", headers=HTML, follow_redirects=False).status_code == 303
    guarded.close()


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "https://evil.example/",
        "\\\\evil.example",
        "javascript:x",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(address: str) -> None:
    assert login.ours(address) == "/"


def test_a_form_without_a_token_is_a_wrong_token(guarded: Service) -> None:
    assert guarded.client.post("/login", data={"next": "/"}).status_code == 401


def test_a_stranger_cannot_fill_the_disk_through_the_login(guarded: Service) -> None:
    answer = guarded.client.post("/login", data={"token": "x"}, files={"f": b"x" * 200_000})
    assert answer.status_code == 400


def test_programs_are_told_without_a_detour(guarded: Service) -> None:
    assert guarded.client.get("/api/v1/runs").status_code == 401
    assert "EIGENSCOPE_TOKEN" in guarded.client.get("/", headers={"authorization": f"Bearer {TOKEN}"}).text
    guarded.close()


def test_signing_out_ends_the_cookie(guarded: Service) -> None:
    guarded.client.post("/login", data={"token": TOKEN, "next": "/"})
    cookie = guarded.client.cookies["eigenscope"]
    assert "Sign out" in guarded.client.get("/", headers=HTML).text
    guarded.client.cookies["eigenscope_project"] = "gone"
    answer = guarded.client.post("/login/out", follow_redirects=False)
    assert answer.status_code == 303
    assert 'eigenscope_project=""; ' in answer.headers["set-cookie"]
    thief = guarded.caller(**{"Cookie": f"eigenscope={cookie}"})
    assert thief.get("/api/v1/runs").status_code == 401
    guarded.close()
