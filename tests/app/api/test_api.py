"""The API as a whole: every file with routes is included, once."""

from pathlib import Path

from fastapi import APIRouter

from app import api

APART = {"health", "metrics"}  # outside /api/v1


def test_every_router_is_included_once() -> None:
    assert all(isinstance(router, APIRouter) for router in api.ROUTERS)
    assert len({id(router) for router in api.ROUTERS}) == len(api.ROUTERS)
    with_routes = {
        path.stem for path in Path(api.__path__[0]).glob("*.py") if "router = APIRouter(" in path.read_text()
    }
    included = {name for name in with_routes if getattr(api, name, None) and getattr(api, name).router in api.ROUTERS}
    assert with_routes - APART == included
