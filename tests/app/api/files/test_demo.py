import pytest

from app.demo import minilm
from tests.service import Service


def test_a_program_loads_the_demo_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find", lambda: None)
    first, second = (service.client.post("/api/v1/demo").json() for _ in range(2))
    assert first == {"checkpoints": [1, 2, 3, 4, 5, 6, 7], "runs": [1, 2, 3], "added": 7}
    assert second == {**first, "added": 0}
    assert [each["id"] for each in service.get("/api/v1/runs")] == [3, 2, 1]
