"""The queue: ids only, JSON only; messages that appear whole; pings that need no task."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest

from app.queue import broker as queue
from app.queue.broker import (
    FORMER,
    RECEIVE_SECONDS,
    SEND_SECONDS,
    TASKS,
    BrokerAway,
    Sender,
    make_celery,
    make_folders,
    ping_queue,
    reach,
)
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


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_hangs_keeps_a_request_for_seconds_and_the_next_one_not_at_all(
    scheme: str, deaf: int, tmp_path: Path
) -> None:
    sender = Sender(Settings(data_dir=tmp_path, broker_url=f"{scheme}://127.0.0.1:{deaf}//"))
    began = time.monotonic()
    with pytest.raises(Exception):  # noqa: B017 - whatever the broker's client raises
        sender.send("analyse", 7)
    assert time.monotonic() - began < 3 * SEND_SECONDS
    began = time.monotonic()
    with pytest.raises(BrokerAway):
        sender.send("analyse", 8)
    assert time.monotonic() - began < 0.5
    began = time.monotonic()
    with pytest.raises(Exception):  # noqa: B017
        sender.ping(1)
    assert time.monotonic() - began < 3 * SEND_SECONDS
    sender.close()


def test_workers_wait_longer_for_redis_than_it_keeps_them(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, broker_url="redis://127.0.0.1/0")
    for sends, seconds in ((False, RECEIVE_SECONDS), (True, SEND_SECONDS)):
        options = make_celery(settings, sends).conf.broker_transport_options
        assert options["socket_timeout"] == seconds
        assert options["socket_keepalive"]
