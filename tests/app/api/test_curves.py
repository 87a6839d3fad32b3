import numpy as np

from tests.app.pages.compared import NAMES, compared
from tests.service import Service, model


def test_a_curve_of_every_weight_as_it_was_stored(service: Service) -> None:
    tensors = compared(service)
    found = service.get("/api/v1/runs/1/curves/intruders/best_match")
    table = service.get("/api/v1/runs/1/tables/intruders")["rows"]
    assert [(row["weight"], row["group"]) for row in found["rows"]] == [(row["weight"], row["group"]) for row in table]
    assert [(row["role"], row["depth"]) for row in found["rows"]] == [(row["role"], row["depth"]) for row in table]
    name = found["rows"][0]["weight"]
    base, tuned = (np.linalg.svd(tensors[of][name].double().numpy())[0] for of in NAMES[:2])
    best = np.abs(base.T @ tuned[:, :24]).max(axis=0)
    np.testing.assert_allclose(found["rows"][0]["values"], best, atol=1e-5)
    for row, curve in zip(table, found["rows"], strict=True):
        assert row["count"] == sum(value < 0.5 for value in curve["values"][:10])


def test_what_there_is_not_is_said(service: Service) -> None:
    service.upload(model())
    service.run(1)
    assert service.get("/api/v1/runs/1/curves/esd/eigenvalues")["rows"] == []  # none yet
    assert "eigenvalues" in service.get("/api/v1/runs/1/curves/esd/alpha", 404)["detail"]
    service.get("/api/v1/runs/1/curves/norms/eigenvalues", 404)
    service.get("/api/v1/runs/1/curves/no-such/eigenvalues", 404)
    service.get("/api/v1/runs/9/curves/esd/eigenvalues", 404)
