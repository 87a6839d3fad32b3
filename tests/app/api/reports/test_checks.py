from tests.service import Service

NAME = "model.layers.0.self_attn.q_proj.weight"


def test_a_check_is_asked_for_and_listed(analysed: Service) -> None:
    answer = analysed.client.post("/api/v1/runs/1/checks", json={"weight": NAME})
    assert (answer.status_code, answer.json()["state"], answer.json()["columns"]) == (201, "queued", [])
    assert [each["id"] for each in analysed.get("/api/v1/runs/1/checks")] == [answer.json()["id"]]
    assert analysed.client.post("/api/v1/runs/1/checks", json={"weight": "x"}).status_code == 404
