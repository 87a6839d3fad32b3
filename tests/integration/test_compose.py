"""docker-compose.yml without Docker: its very commands and environment, against PostgreSQL and Redis on this machine.

What a container would give, the test gives: the names `database` and `broker`, the folder /data, the port 8000.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
import yaml
from psycopg import sql
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.conftest import missing
from tests.ports import free_port
from tests.service import model

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-for-this-test-only"
SECRETS = {  # with everything that a URL or a configuration would take for its own
    "POSTGRES_PASSWORD": "p@ss:w/or%d#?&+ ",
    "REDIS_PASSWORD": 'r@d"is\\ /%20#',
    "EIGENSCOPE_TOKEN": TOKEN,
}
ADMIN = os.environ.get("EIGENSCOPE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")


def fill(value: Any) -> Any:
    """What Compose puts in: ${NAME:?why} from the environment, ${NAME:-default}, and $$ for $."""
    if isinstance(value, dict):
        return {key: fill(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner) for inner in value]
    if not isinstance(value, str):
        return value
    put = re.sub(r"\$\{(\w+):([?-])([^}]*)\}", lambda m: SECRETS[m[1]] if m[2] == "?" else m[3], value)
    return put.replace("$$", "$")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text()
    loaded: dict[str, Any] = fill(yaml.safe_load(text))
    return loaded


@pytest.fixture
def database(compose: dict[str, Any]) -> Iterator[None]:
    """The role and the database that the compose file's PostgreSQL would start with."""
    asked = compose["services"]["database"]["environment"]
    role, name = asked["POSTGRES_USER"], asked["POSTGRES_DB"]
    try:
        admin = psycopg.connect(ADMIN, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        missing(f"no PostgreSQL at 127.0.0.1:5432 ({error})")
    with admin:
        quoted = sql.Literal(asked["POSTGRES_PASSWORD"]).as_string(admin)
        remove = (f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'DROP ROLE IF EXISTS "{role}"')
        for statement in (
            *remove,
            f'CREATE ROLE "{role}" LOGIN PASSWORD {quoted}',
            f'CREATE DATABASE "{name}" OWNER "{role}"',
        ):
            admin.execute(statement)
        yield
        for statement in remove:
            admin.execute(statement)


@pytest.fixture
def broker(compose: dict[str, Any], tmp_path: Path) -> Iterator[int]:
    """The port of a Redis that the compose file's own command started."""
    if shutil.which("redis-server") is None:
        missing("redis-server is not installed")
    service, port = compose["services"]["broker"], free_port()
    shell, option, command = service["command"]
    local = command.replace("/tmp/", f"{tmp_path}/") + f" --port {port}"
    own = {**service["environment"], "PATH": os.environ["PATH"]}
    with subprocess.Popen([shell, option, local], env=own, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        yield port
        process.terminate()


def environment(service: dict[str, Any], data: Path, broker: int) -> dict[str, str]:
    """The service's environment, with what a container would resolve pointed at this machine."""
    local = {"@database:": "@127.0.0.1:", "//broker:6379": f"//127.0.0.1:{broker}"}
    own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "EIGENSCOPE_QUEUE_PREFIX": f"t{os.getpid()}"}
    for name, value in service["environment"].items():
        for theirs, ours in local.items():
            value = value.replace(theirs, ours)
        own[name] = str(data) if value == "/data" else value
    return own


def begin(service: dict[str, Any], data: Path, port: int, broker: int) -> subprocess.Popen[bytes]:
    command = [str(port) if word == "8000" else word for word in service["command"]]
    with (data / f"{service['command'][1]}.log").open("wb") as log:
        return subprocess.Popen(command, env=environment(service, data, broker), stdout=log, stderr=log, cwd=data)


def wait_for(what: str, found: Any, seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if answer := found():
                return answer
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"no {what} within {seconds:g} s")


@pytest.mark.usefixtures("database")
def test_its_commands_take_a_checkpoint_to_its_report(compose: dict[str, Any], tmp_path: Path, broker: int) -> None:
    services, port = compose["services"], free_port()
    with ExitStack() as stack:
        for name in ("app", "worker"):
            process = begin(services[name], tmp_path, port, broker)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_for("health", lambda: client.get("/health").status_code == 200)
            assert client.get("/api/v1/checkpoints").status_code == 401
            client.headers["Authorization"] = f"Bearer {TOKEN}"
            sent = client.post("/api/v1/checkpoints", params={"filename": "m.safetensors"}, content=model()).json()
            run = client.post("/api/v1/runs", json={"checkpoints": [sent["id"]]}).json()
            wait_for("report", lambda: client.get(f"/api/v1/runs/{run['id']}").json()["state"] == "done")
            report = client.get(f"/api/v1/runs/{run['id']}/report").json()
            assert report["coverage"]["analysed"] == 5
            assert len(report["tables"]["esd"]) == 5
        for name in ("app", "worker"):
            probe = services[name]["healthcheck"]["test"]
            assert probe[0] == "CMD"
            subprocess.run(
                probe[1:], env=environment(services[name], tmp_path, broker), check=True, cwd=tmp_path, timeout=30
            )


def test_redis_answers_nobody_without_the_password(compose: dict[str, Any], broker: int) -> None:
    client = redis.Redis(port=broker, retry=Retry(ConstantBackoff(0.1), 50))
    with pytest.raises(redis.AuthenticationError):
        client.ping()
    shell, probe = compose["services"]["broker"]["healthcheck"]["test"]
    assert shell == "CMD-SHELL"
    here = probe.replace("redis-cli", f"redis-cli -p {broker}")
    for password, healthy in ((SECRETS["REDIS_PASSWORD"], True), ("another", False)):
        own = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": password}
        done = subprocess.run(["sh", "-c", here], env=own, capture_output=True)
        assert (done.returncode == 0) is healthy


def test_everything_has_a_limit_and_the_worker_has_no_token(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    with_token = [name for name, s in compose["services"].items() if "EIGENSCOPE_TOKEN" in s["environment"]]
    assert with_token == ["app"]
    commands = [str(service.get("command")) for service in compose["services"].values()]
    assert not [secret for secret in SECRETS.values() for command in commands if secret in command]


def test_health_checks_import_no_torch(compose: dict[str, Any], tmp_path: Path) -> None:
    """Each minute, also where there is a GPU, of which the doctor would ask PyTorch."""
    (program, *arguments) = compose["services"]["worker-gpu"]["healthcheck"]["test"][1:]
    assert program == "eigenscope"
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    code = f"from app.cli.main import main; main({arguments!r})"
    own = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path),
        "EIGENSCOPE_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=own, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "queue" in done.stdout


def test_it_is_one_image_without_privileges(compose: dict[str, Any]) -> None:
    ours = [service for name, service in compose["services"].items() if name in ("app", "worker", "worker-gpu")]
    assert len({service["image"] for service in ours}) == 1
    for service in ours:
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["healthcheck"]["test"]
    assert compose["services"]["worker-gpu"]["profiles"] == ["gpu"]
    assert re.search(r"^USER eigenscope$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_it_is_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8000:8000"]


def test_every_setting_that_it_names_exists(compose: dict[str, Any]) -> None:
    from app.settings import Settings

    for service in compose["services"].values():
        for name in service["environment"] if isinstance(service.get("environment"), dict) else {}:
            if name.startswith("EIGENSCOPE_"):
                assert name.removeprefix("EIGENSCOPE_").lower() in Settings.model_fields
