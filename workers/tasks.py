"""What workers do when a message wakes them: `celery -A workers.tasks worker`.

The worker's main process only listens, sweeps and answers pings; its one pool process does the work. So the main
process never imports torch, and what needs it is imported where it is called.
"""

import gc
import logging
import os
import signal
import threading
from contextlib import suppress
from functools import cache, partial
from typing import Any

from billiard import active_children  # type: ignore[import-untyped]  # it has no types
from celery import Celery, bootsteps, signals
from celery.signals import setup_logging, worker_init, worker_process_init, worker_ready, worker_shutting_down
from kombu.messaging import Consumer

from analysis.runtime.collector import at_rest
from app import logs
from app.db import Database, migrate_or_exit
from app.queue.broker import Sender, make_celery, make_folders, ping_queue, process_label
from app.queue.pings import answer
from app.settings import Settings
from app.storage.blobs import Storage
from app.storage.data_folder import open_data_folder
from app.work.leases import release
from workers.ingest.threads import IngestThreads
from workers.sweeper import Sweeper
from workers.webhook_sender import WebhookSender

LEFT = "WorkerLostError('Worker exited prematurely: signal 15 (SIGTERM)"  # Celery's, of a process that was told to end
NICE = 5  # of a worker beside its server: a third of its weight in what both want, all of what it leaves
log = logging.getLogger(__name__)
settings = Settings()
celery: Celery = make_celery(settings)


@cache
def database() -> Database:
    """One per process: connections do not survive a fork."""
    return Database(settings.database, Sender(settings).send)


@cache
def storage() -> Storage:
    return Storage(settings.data_dir)


@cache
def ingests() -> IngestThreads:
    return IngestThreads()


@celery.task(name="ingest")
def ingest(checkpoint_id: int) -> None:
    from workers.ingest import task as intake

    with logs.log_context(task="ingest", checkpoint=checkpoint_id):
        task = partial(intake.ingest_checkpoint, database(), storage(), settings, checkpoint_id)
        ingests().run(checkpoint_id, task)


@celery.task(name="analyse")
def analyse(unit_id: int) -> None:
    from workers import analyse as analyst

    with logs.log_context(task="analyse", unit=unit_id):
        analyst.analyse_unit(database(), storage(), settings, unit_id)


@celery.task(name="mitigate")
def mitigate(mitigation_id: int) -> None:
    from workers import mitigate as mitigation

    with logs.log_context(task="mitigate", mitigation=mitigation_id):
        mitigation.mitigate_checkpoint(database(), storage(), settings, mitigation_id)


@celery.task(name="prescribe")
def prescribe(prescription_id: int) -> None:
    from workers import prescribe as prescription

    with logs.log_context(task="prescribe", prescription=prescription_id):
        prescription.compute_prescription(database(), storage(), settings, prescription_id)


celery.task(name="mend")(mitigate.run)  # as earlier versions called it


@celery.task(name="judge")
def judge(verdict_id: int) -> None:
    from app.gate import verdicts

    verdicts.make(database(), verdict_id)


@celery.task(name="check")
def check(check_id: int) -> None:
    from workers import check as reference

    with logs.log_context(task="check", check=check_id):
        reference.check_weight(database(), storage(), settings, check_id)


@celery.task(name="summarise")
def summarise(run_id: int) -> None:
    from workers import summarise as summary

    with logs.log_context(task="summarise", run=run_id):
        summary.summarise_run(database(), run_id)


def pong(body: Any, message: Any) -> None:
    """Answers a ping out of the main process, so that a worker in the middle of a unit answers as well."""
    message.ack()
    if isinstance(body, dict) and isinstance(body.get("id"), int):
        with database().writing() as session:
            answer(session, body["id"], process_label())


class PingStep(bootsteps.ConsumerStep):  # type: ignore[misc]  # celery has no types
    """Listens to the queue of pings on a channel of its own, which the tasks' prefetch limit does not stop."""

    def get_consumers(self, channel: Any) -> list[Consumer]:
        queue = ping_queue(settings)
        return [Consumer(channel, queues=[queue], callbacks=[pong], accept=["json"], on_decode_error=_drop)]


def _drop(message: Any, error: Exception) -> None:
    message.ack()


celery.steps["consumer"].add(PingStep)


@setup_logging.connect
def write_lines(**_: object) -> None:
    """In each of a worker's processes: our own lines in place of Celery's."""
    logs.setup(settings.log)


@worker_init.connect
def prepare(**_: object) -> None:
    """Before the first message: the tables are this version's, and nothing is held that nobody holds."""
    die_with_parent()
    open_data_folder(settings.data_dir)
    make_folders(settings)
    migrate_or_exit(database())
    if settings.is_embedded:
        with database().writing() as session:
            release(session)  # this is the only worker, so whoever held something is dead


@worker_ready.connect
def begin(**_: object) -> None:
    """Once the main process listens: sweeps, tidies up and delivers from now on."""
    Sweeper(database(), storage(), settings).start()
    WebhookSender(database(), settings).start()


@worker_process_init.connect
def warm_up(**_: object) -> None:
    """In the pool process: loads torch before the first message, not after it, and ends where its work is cancelled."""
    begun = threading.Event()
    threading.Thread(target=end_without, args=(os.getppid(), begun), name="parent", daemon=True).start()
    with at_rest():
        import torch  # noqa: F401

        from workers import analyse as analyst  # noqa: F401
        from workers import job
        from workers.ingest import task as intake  # noqa: F401
    gc.freeze()  # it stays, and no collection looks through it

    job.leave = leave  # a decomposition hears no signal; another pool process takes the next message
    begun.set()


def end_without(parent: int, begun: threading.Event) -> None:
    """Ends this process, which has nothing in hand yet, if its main process goes while it begins."""
    while not begun.wait(0.5):
        if os.getppid() != parent:
            os._exit(0)


def leave() -> None:
    """Ends this process now, but for the ingests beside: they give back what they hold."""
    ingests().stop()
    os._exit(0)


@signals.worker_process_shutdown.connect
def stop_ingests(**_: object) -> None:
    """In the pool process, before it ends in an orderly way."""
    ingests().stop()


@worker_shutting_down.connect
def give_back(**_: object) -> None:
    """An orderly stop: the pool process leaves what it has in hand, which it gives back, rather than end it first."""
    logging.getLogger("celery.worker.request").addFilter(tell_orderly_stop)
    for process in active_children():
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)  # there it raises SystemExit


def tell_orderly_stop(record: logging.LogRecord) -> bool:
    """Once this worker stops: says in words, and not as an error with its traceback, that its pool process was told to.

    Of a process that ended by anything but our signal the line stays as it is.
    """
    if LEFT in record.getMessage():
        record.msg, record.args = "the worker stops; another worker continues its task", ()
        record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
    return True


def die_with_parent() -> None:
    """Ends this process when the service that started it is gone: the pipe on its standard input then ends.

    Until then it stands back for it, so that readers are answered while an analysis takes every core.
    """
    if os.environ.get("EIGENSCOPE_SUPERVISED") == "1":
        os.nice(NICE)
        threading.Thread(target=_wait_for_end, name="parent", daemon=True).start()


def _wait_for_end() -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock would be in the way of our own end
        pass
    os.kill(os.getpid(), signal.SIGKILL)  # what is in hand is offered again: rows decide
