"""Tokens: shown once, kept as a hash, good until they expire or are revoked."""

import pytest
from sqlalchemy import select

from app.access import tokens
from app.errors import BadRequest, NotFound
from app.models import Event, Token
from tests.service import Service


def test_only_the_hash_of_a_secret_is_kept(service: Service) -> None:
    with service.everything.writing() as session:
        made, shown = tokens.create(session, "CI", "write", "default", 30)
        assert tokens.SHOWN.fullmatch(shown)
        row = {column.name: getattr(made, column.name) for column in Token.__table__.columns}
    secret = shown.split("_")[2]
    assert secret not in str(row)
    assert row["digest"] == tokens.digest(secret)
    assert row["expires_at"] - row["created_at"] == pytest.approx(30 * 86_400, abs=5)
    with service.everything.reading() as session:
        found = tokens.verify(session, shown)
        assert found is not None
        assert found.key == made.key
        assert {line.action for line in session.scalars(select(Event))} == {"token.create"}


def test_no_two_are_alike(service: Service) -> None:
    with service.everything.writing() as session:
        assert len({tokens.create(session, "CI", "read", "default")[1] for _ in range(50)}) == 50


@pytest.mark.parametrize("change", [lambda s: s[:-1] + ("0" if s[-1] != "0" else "1"), str.upper, lambda s: s + "0",
                                    lambda s: s.replace("esc_", "esc-"), lambda s: "", lambda s: s.partition("_")[2],
                                    lambda s: "é" + s])  # fmt: skip
def test_what_is_not_quite_it_is_nothing(service: Service, change: object) -> None:
    with service.everything.writing() as session:
        _, shown = tokens.create(session, "CI", "read", "default")
        assert callable(change)
        assert tokens.verify(session, change(shown)) is None


def test_one_tokens_secret_does_not_open_another(service: Service) -> None:
    with service.everything.writing() as session:
        (_, one), (_, other) = (tokens.create(session, "CI", "read", "default") for _ in range(2))
        assert tokens.verify(session, "_".join([*one.split("_")[:2], other.split("_")[2]])) is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("", "read", "default", None), "name"),
        (("x" * 101, "read", "default", None), "name"),
        (("a\nb", "read", "default", None), "name"),
        (("CI", "root", "default", None), "'root'"),
        (("CI", "read", "default", 0.0), "days"),
        (("CI", "read", "default", 1e9), "days"),
        (("CI", "write", None, None), "needs a project"),
    ],
)
def test_what_makes_no_sense_is_refused(
    service: Service, asked: tuple[str, str, str | None, float | None], told: str
) -> None:
    with pytest.raises(BadRequest, match=told), service.everything.writing() as session:
        tokens.create(session, *asked)


def test_a_project_that_is_not_there(service: Service) -> None:
    with pytest.raises(NotFound, match="project"), service.everything.writing() as session:
        tokens.create(session, "CI", "read", "nowhere")


def test_revoking_twice_is_noted_once(service: Service) -> None:
    with service.everything.writing() as session:
        made, shown = tokens.create(session, "CI", "read", "default")
        first = tokens.revoke(session, made.key).revoked_at
        assert tokens.revoke(session, made.key).revoked_at == first
        assert tokens.verify(session, shown) is None
        assert [event.action for event in session.scalars(select(Event))].count("token.revoke") == 1
    with pytest.raises(NotFound, match="token"), service.everything.writing() as session:
        tokens.revoke(session, "0" * 12)
