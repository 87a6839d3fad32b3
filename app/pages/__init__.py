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


def install(app: FastAPI) -> None:
    """Adds every page to the application. None of them is in the OpenAPI."""
    for part in (home, checkpoints, compare, scaling, runs, reference, login, mitigate, prescribe, access):
        app.include_router(part.router, include_in_schema=False)
    rendering.install(app)
