"""The queue: ids only, JSON only; messages that appear whole; pings that need no task."""

import json
import threading
from pathlib import Path
from queue import Empty

import pytest

from app.queue import broker as queue
from app.queue.broker import FORMER, TASKS, Sender, make_celery, make_folders, ping_queue, reach
from app.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def messages(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "queue" / "messages").iterdir())


def test_a_message_holds_a_task_and_an_id(settings: Settings) -> None:
    sender = Sender(settings)
    sender.send("analyse", 7)
    (message,) = messages(settings)
    assert message.name.endswith(".eigenscope-analyse.msg")
    sent = json.loads(message.read_text())
    assert sent["headers"]["task"] == "analyse"
    assert sent["headers"]["argsrepr"] == "(7,)"
    assert sent["content-type"] == "application/json"
    sender.close()


def test_a_ping_goes_to_a_queue_of_its_own(settings: Settings) -> None:
    sender = Sender(settings)
    sender.ping(3)
    (message,) = messages(settings)
    assert message.name.endswith(f".{ping_queue(settings).name}.msg")
    sender.close()


def test_messages_appear_whole(settings: Settings) -> None:
    """A reader that looks all the time never finds one half written."""
    make_folders(settings)
    celery = make_celery(settings)
    with celery.connection_for_write() as writing, celery.connection_for_read() as reading:
        out, back = writing.channel(), reading.channel()
        thread = threading.Thread(target=lambda: [out._put("q", {"n": n}) for n in range(300)])
        thread.start()
        found: list[int] = []
        while thread.is_alive() or len(found) < 300:
            try:
                found.append(back._get("q")["n"])
            except Empty:
                continue
        thread.join()
    assert sorted(found) == list(range(300))
    celery.close()


def test_workers_take_one_message_at_a_time_and_keep_it_until_it_is_done(settings: Settings) -> None:
    conf = make_celery(settings).conf
    assert conf.task_acks_late
    assert conf.worker_prefetch_multiplier == conf.worker_concurrency == 1
    assert conf.worker_pool_start_method == "spawn"
    assert conf.accept_content == ["json"]
    assert conf.task_ignore_result


def test_redis_waits_longer_than_any_unit_takes() -> None:
    conf = make_celery(Settings(broker_url="redis://127.0.0.1/0")).conf
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit


def test_queues_are_named_after_the_installation(tmp_path: Path) -> None:
    conf = make_celery(Settings(data_dir=tmp_path, queue_prefix="mine")).conf
    assert {each.name for each in conf.task_queues} == {f"mine-{task}" for task in (*TASKS, *FORMER)}


def test_a_broker_that_is_not_there_is_said_so(settings: Settings) -> None:
    reach(settings)
    with pytest.raises(Exception, match="refused"):
        reach(Settings(broker_url="amqp://127.0.0.1:1//"))


def test_the_worker_is_started_with_this_python() -> None:
    command = queue.worker_command()
    assert Path(command[0]).name.startswith("python")
    assert "--app=workers.tasks" in command
