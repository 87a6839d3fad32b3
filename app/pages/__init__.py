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
from app.pages.listings import checkpoints as checkpoint_list
from app.pages.listings import labels
from app.pages.listings import runs as run_list
from app.pages.reports import beside, layers, rows

PARTS = (
    home, checkpoint_list, run_list, labels, checkpoints, compare, scaling, runs, reference, login, mitigate, prescribe,
    access, layers, beside, rows,
)  # fmt: skip


def install(app: FastAPI) -> None:
    """Adds every page to the application. None of them is in the OpenAPI."""
    for part in PARTS:
        app.include_router(part.router, include_in_schema=False)
    rendering.install(app)
