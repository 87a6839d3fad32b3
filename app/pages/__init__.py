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
ROUTERS = tuple(part.router for part in PARTS)  # none of them is in the OpenAPI


def install(app: FastAPI) -> None:
    """Has the application tell in a page of an address that leads nowhere."""
    rendering.install(app)
