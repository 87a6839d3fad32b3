"""Browsers that are signed in."""

import pytest
from sqlalchemy import select, update

from app.access import sessions as logins
from app.access import tokens
from app.models import Event, Login, Token
from app.settings import Settings
from tests.service import Service

MASTER = "a-token-of-some-length"
GUARDED = Settings(token=MASTER)


def test_a_cookie_stands_for_its_token_and_ends_with_it(service: Service) -> None:
    with service.everything.writing() as session:
        made, shown = tokens.create(session, "ada", "read", "default")
        cookie = logins.begin(session, GUARDED, shown)
        assert cookie is not None
        found = logins.find(session, GUARDED, cookie)
        assert isinstance(found, Token)
        assert found.key == made.key
        assert cookie not in session.scalars(select(Login.digest)).all()
        assert shown not in cookie
        tokens.revoke(session, made.key)
        assert logins.find(session, GUARDED, cookie) is False


def test_the_services_own_token_opens_until_it_is_changed(service: Service) -> None:
    with service.everything.writing() as session:
        cookie = logins.begin(session, GUARDED, MASTER)
        assert cookie is not None
        assert logins.find(session, GUARDED, cookie) is True
        assert logins.find(session, Settings(token="another-token-of-length"), cookie) is False
        assert logins.find(session, Settings(), cookie) is False


def test_signing_out_ends_it(service: Service) -> None:
    with service.everything.writing() as session:
        cookie = logins.begin(session, GUARDED, MASTER)
        assert cookie is not None
        logins.end(session, cookie)
        assert logins.find(session, GUARDED, cookie) is False


def test_it_ends_by_itself(service: Service) -> None:
    with service.everything.writing() as session:
        cookie = logins.begin(session, GUARDED, MASTER)
        assert cookie is not None
        session.execute(update(Login).values(expires_at=1.0))
        session.expire_all()
        assert logins.find(session, GUARDED, cookie) is False
        logins.begin(session, GUARDED, MASTER)
        assert len(session.scalars(select(Login)).all()) == 1  # what has ended is removed


@pytest.mark.parametrize("shown", ["", "x", "esc_" + "0" * 12 + "_" + "0" * 64, "\udc80"])
def test_a_wrong_token_opens_nothing_and_is_noted(service: Service, shown: str) -> None:
    with service.everything.writing() as session:
        assert logins.begin(session, GUARDED, shown) is None
        assert session.scalars(select(Event.action)).all() == ["login.refused"]
        assert logins.find(session, GUARDED, "x") is False
