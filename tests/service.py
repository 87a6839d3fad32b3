"""The service in one process, for tests: what would go through the queue is kept, and done when the test says so."""

import atexit
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, TypeVar, cast

import torch
from fastapi.testclient import TestClient
from safetensors.torch import save
from torch import Tensor

from app.db import Database
from app.gate import verdicts
from app.main import create_app
from app.queue.broker import Sender
from app.settings import Settings
from app.storage.blobs import Storage

ADDRESS = "http://127.0.0.1:8000"
DATABASE = "eigenscope.db"
T = TypeVar("T")


@cache
def migrated_database() -> bytes:
    """An empty database with its tables: a service begins with a copy, as migrations take a tenth of a second each."""
    with TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        database = Database(settings.database, lambda name, identity: None)
        database.migrate()
        database.close()
        return (settings.data_dir / DATABASE).read_bytes()


@cache
def _prepared(make: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Path, Any]:
    """The data folder that a function makes of an empty service, for as long as the tests run, and its result."""
    folder = Path(mkdtemp())
    atexit.register(rmtree, folder, ignore_errors=True)
    service = Service(settings(folder))
    result = make(service, *arguments)
    service.close()
    return folder, result


def prepare(service: "Service", make: Callable[..., T], *arguments: Any) -> T:
    """As if `make` had been called with this service, which is empty: made once, and copied for each who asks."""
    if service.settings.database_url is not None:
        return make(service, *arguments)
    folder, result = _prepared(make, arguments)
    service.everything.close()
    for file in service.settings.data_dir.glob(f"{DATABASE}*"):
        file.unlink()
    copytree(folder, service.settings.data_dir, dirs_exist_ok=True)
    return cast(T, result)


class Workers(Sender):
    """A queue that keeps what is sent."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.sent: list[tuple[str, int]] = []
        self.pings: list[int] = []

    def send(self, name: str, identity: int) -> None:
        self.sent.append((name, identity))

    def ping(self, identity: int) -> None:
        self.pings.append(identity)


@dataclass
class Service:
    """An application with its database, storage and queue, in a folder of its own."""

    settings: Settings
    workers: Workers = field(init=False)
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.workers = Workers(self.settings)
        self.app = app = create_app(self.settings, self.workers)
        self.everything: Database = app.state.database
        self.database: Database = self.everything.within(1, "a test")
        self.storage: Storage = app.state.storage
        path = self.settings.data_dir / DATABASE
        if self.settings.database_url is None and not path.exists():
            path.write_bytes(migrated_database())
        else:
            self.everything.migrate()
        self.client = self.caller()

    def caller(self, token: str | None = None, **headers: str) -> TestClient:
        """A client on this machine, or whoever the token says."""
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        return TestClient(
            self.app, base_url=ADDRESS, raise_server_exceptions=False, client=("127.0.0.1", 50_000),
            headers={**shown, **headers},
        )  # fmt: skip

    def close(self) -> None:
        self.client.close()
        self.everything.close()
        self.workers.close()

    def work(self) -> None:
        """Does what was sent, and what that sends, as a worker would."""
        from workers.analyse import analyse_unit
        from workers.check import check_weight
        from workers.ingest.task import ingest_checkpoint
        from workers.mitigate import mitigate_checkpoint
        from workers.prescribe import compute_prescription
        from workers.summarise import summarise_run

        def judge(database: Database, storage: Storage, settings: Settings, identity: int) -> None:
            verdicts.make(database, identity)

        def summarise(database: Database, storage: Storage, settings: Settings, identity: int) -> None:
            summarise_run(database, identity)

        tasks: dict[str, Callable[..., None]] = {
            "judge": judge, "summarise": summarise, "ingest": ingest_checkpoint, "analyse": analyse_unit,
            "mitigate": mitigate_checkpoint, "check": check_weight, "prescribe": compute_prescription,
        }  # fmt: skip
        while self.workers.sent:
            name, identity = self.workers.sent.pop(0)
            tasks[name](self.everything, self.storage, self.settings, identity)

    def upload(self, content: bytes, filename: str = "model.safetensors") -> dict[str, Any]:
        answer = self.client.post("/api/v1/checkpoints", params={"filename": filename}, content=content)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def send(self, name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
        """Several files as one checkpoint of that name."""
        parts = [("files", (file, content)) for file, content in files.items()]
        answer = self.client.post("/api/v1/checkpoints", data={"name": name}, files=parts)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def run(self, *checkpoints: int, diagnostics: Mapping[str, Any] | None = None) -> dict[str, Any]:
        asked = {"checkpoints": list(checkpoints), "diagnostics": diagnostics}
        answer = self.client.post("/api/v1/runs", json=asked)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str, status: int = 200, **parameters: Any) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == status, answer.text
        return answer.json()


def tensors(layers: int = 2, width: int = 24) -> dict[str, Tensor]:
    """A little transformer's weights: an embedding, and per block a query and an up projection with its bias."""
    random = torch.Generator().manual_seed(layers)
    found = {"model.embed_tokens.weight": torch.randn(40, width, generator=random)}
    for layer in range(layers):
        place = f"model.layers.{layer}"
        found[f"{place}.self_attn.q_proj.weight"] = torch.randn(width, width, generator=random)
        found[f"{place}.mlp.up_proj.weight"] = torch.randn(2 * width, width, generator=random)
        found[f"{place}.mlp.up_proj.bias"] = torch.randn(2 * width, generator=random)
    return found


def model(layers: int = 2, width: int = 24) -> bytes:
    """The same as a safetensors file."""
    return save(tensors(layers, width))


def settings(folder: Path, **values: Any) -> Settings:
    """Settings that no environment variable changes the meaning of, with a data folder of the test's own."""
    return Settings(data_dir=folder, **{"disk_reserve": 0, **values})
