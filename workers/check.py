"""Measures one weight with WeightWatcher too, and keeps the columns of both."""

from analysis.diagnostics.reference import Compared, compare, find_version
from analysis.engine.batching import cutter
from analysis.errors import EigenscopeError
from analysis.formats import open_checkpoint
from app import checkpoints
from app.db import Database
from app.errors import NotFound
from app.models import Check
from app.runs import runs
from app.runs.members import tensor_info
from app.settings import Settings
from app.storage.blobs import Storage
from app.work import checks as check_work
from app.work import products
from workers.job import Kind, hold_lease

CHECK = Kind(Check, (EigenscopeError, NotFound), check_work.reject, products.fail)


def check_weight(database: Database, storage: Storage, settings: Settings, identity: int) -> None:
    """Makes the check, if it is there to be had; it ends done, failed, or offered again."""
    with database.writing() as session:
        row = check_work.claim(session, settings, identity)
    if row is None:
        return
    with hold_lease(database, settings, CHECK, row.id, row.claim):
        version = find_version()
        columns = _measure(database, storage, row)
        with database.writing() as session:
            check_work.finish(session, row.id, row.claim, version, [column.to_json() for column in columns])


def _measure(database: Database, storage: Storage, row: Check) -> list[Compared]:
    with database.reading() as session:
        member = runs.get(session, row.run_id).members[row.position].checkpoint
        files = checkpoints.to_open(member)
        infos = [tensor_info(record) for record in checkpoints.tensors(session, member.id)]
    info = next((info for info in infos if info.name == row.tensor), None)
    if info is None:
        raise NotFound(f"The checkpoint has no tensor {row.tensor!r}.")
    with storage.open_files(files) as folder:
        found = list(cutter(open_checkpoint(folder), (), "cpu")(info))
        weight = next((weight for weight in found if weight.info.name == row.weight), None)
        if weight is None:
            raise NotFound(f"The tensor {row.tensor!r} holds no weight {row.weight!r}.")
        return compare(weight)
