"""API tokens: made, listed, revoked by whoever has the scope admin."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from app import models
from app.access import tokens
from app.api.schemas import moment
from app.web.dependencies import NUMBER, Admin, Changing
from app.web.pagination import PAGED, PageOf
from app.web.problems import responses

router = APIRouter(prefix="/tokens", tags=["access"])
Key = Path(pattern=r"^[0-9a-z]{12}$", description="The part after `esc_`.", examples=["3f9k2m1q8z0a"])


class TokenRequest(BaseModel):
    """A token to create."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "CI of main", "scope": "write", "project": "default"}]},
    )

    name: str = Field(min_length=1, max_length=tokens.LONGEST_NAME, description="What uses it.")
    scope: Literal["read", "write", "admin"] = Field("write", description="Each includes those before it.")
    project: str | None = Field("default", description="The project it has access to; null (admin only): any.")
    days: Annotated[float, Field(gt=0, le=3650), NUMBER] | None = Field(
        365, description="Days until it expires; null: never."
    )


class Token(BaseModel):
    """A token, without its secret."""

    key: str = Field(examples=["3f9k2m1q8z0a"])
    name: str = Field(examples=["CI of main"])
    scope: Literal["read", "write", "admin"] = Field(examples=["write"])
    project: str | None = Field(examples=["default"])
    created_by: str = Field(examples=["this machine"])
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None


class NewToken(Token):
    """A new token with its secret."""

    token: str = Field(
        description="The whole token. Shown only once: only a hash is stored.",
        examples=["esc_3f9k2m1q8z0a_5f0c7b8e6d1a49c2b3f4e5d6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f70"],
    )


def token_json(row: models.Token, project: str | None) -> Token:
    return Token(
        key=row.key, name=row.name, scope=row.scope, project=project, created_by=row.created_by,
        created_at=moment(row.created_at), expires_at=moment(row.expires_at), used_at=moment(row.used_at),
        revoked_at=moment(row.revoked_at),
    )  # fmt: skip


@router.post("", status_code=201, responses=responses(400, 404), operation_id="create_token")
def create(session: Changing, asked: TokenRequest) -> NewToken:
    """Creates a token and returns it once. Send it as `Authorization: Bearer esc_…`."""
    row, secret = tokens.create(session, asked.name, asked.scope, asked.project, asked.days)
    return NewToken(**token_json(row, asked.project).model_dump(), token=secret)


@router.get("", responses=PAGED | responses(400), operation_id="list_tokens")
def listing(session: Admin, page: PageOf) -> list[Token]:
    """Lists all tokens, including revoked ones, newest first."""
    pairs = page.page_of(tokens.listing(session, page.limit + 1, page.number), lambda each: each[0].id)
    return [token_json(row, project) for row, project in pairs]


@router.delete("/{key}", status_code=204, responses=responses(404), operation_id="revoke_token")
def revoke(session: Changing, key: str = Key) -> None:
    """Revokes it: the next request with it, or with the cookie of a browser that signed in with it, is refused."""
    tokens.revoke(session, key)
