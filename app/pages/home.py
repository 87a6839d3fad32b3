"""The first page: the drop zone, what is stored, what runs."""

import time
from functools import partial

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from analysis.formats import companions
from app import checkpoints
from app.access import quotas
from app.api.files.checkpoint_uploads import admit
from app.demo import minilm
from app.demo.register import load
from app.lists import checkpoints as checkpoint_list
from app.lists.selection import Selection
from app.pages import lists
from app.pages.rendering import PageRoute, page, see
from app.runs import runs
from app.uploads.streaming import Upload, receive_upload
from app.web.dependencies import DatabaseOf, Reading, SettingsOf, StorageOf, announced_length
from app.web.response_cache import run_in_lane

router = APIRouter(route_class=PageRoute)
LISTED, RUNS = 12, 12  # the newest; the rest has pages of its own


@router.get("/")
def show(request: Request, session: Reading, settings: SettingsOf) -> Response:
    now = time.time()
    rows = lists.checkpoint_rows(session, checkpoints.listing(session, LISTED), now)
    recent = lists.run_rows(session, runs.listing(session, RUNS), now)
    return page(
        request,
        "pages/home.html",
        page="home",
        checkpoints=rows,
        total=checkpoint_list.count(session, Selection()),
        stored=checkpoint_list.size(session, Selection()),
        runs=recent,
        runs_words=lists.summary(recent),
        moving=any(row.look.moving for row in rows) or any(run.look.moving for run in recent),
        token=settings.token is not None,
        formats=companions.to_json(),
        base_is_real=not rows and minilm.find() is not None,
    )


@router.post("/checkpoints")
async def upload(request: Request, database: DatabaseOf, storage: StorageOf, settings: SettingsOf) -> Response:
    """The form of the drop zone, for browsers without a script: stores the files, asks for a run, shows it."""
    await run_in_lane("admit", partial(admit, database, announced_length(request) or 0))
    kind = request.headers.get("content-type", "")
    async with receive_upload(
        request.stream(), storage, settings, content_type=kind, length=announced_length(request), filename=None
    ) as form:

        def store(upload: Upload) -> int:
            with database.writing() as session:
                quotas.admit(session, upload.bytes, len(upload.files))
                row = checkpoints.receive(session, storage, upload.fields.get("name"), upload.files)
                return runs.request(session, [row.id]).id

        run = await run_sync(store, form)
    return see(f"/runs/{run}")


@router.post("/demo")
def load_demo(database: DatabaseOf, storage: StorageOf, settings: SettingsOf) -> Response:
    """The button of the empty page: loads what is not there yet, and shows the report of the base."""
    return see(f"/runs/{load(database, storage, settings).runs[0]}")
