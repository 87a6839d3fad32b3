"""The pages: rendered on the server from the same rows that the API gives, by templates in frontend/."""

from fastapi import FastAPI

from app.pages import (
    access,
    checkpoints,
    compare,
    home,
    login,
    mitigate,
    prescribe,
    reference,
    rendering,
    runs,
    scaling,
)

PARTS = (home, checkpoints, compare, scaling, runs, reference, login, mitigate, prescribe, access)
ROUTERS = tuple(part.router for part in PARTS)  # none of them is in the OpenAPI


def install(app: FastAPI) -> None:
    """Has the application tell in a page of an address that leads nowhere."""
    rendering.install(app)
