from tests.app.lists import made
from tests.app.pages.reader import read, words
from tests.service import Service


def test_runs_are_listed_with_what_they_found_and_deleted_with_an_undo(service: Service) -> None:
    with service.database.writing() as session:
        base, tuned = made.checkpoint(session, "base"), made.checkpoint(session, "tuned")
        made.run(session, base, severity=2, finding="A warning.", findings=1)
        made.run(session, base, tuned, headline="All of it is fine.")
    page = read(service.client.get("/runs").text)
    assert "1–2 of 2" in words(page.one("section", id="runs"))
    assert "A warning." in words(page.one("tr", id="run-1"))
    assert "All of it is fine." in words(page.one("tr", id="run-2"))
    answer = service.client.post("/runs/change", data={"id": "2", "action": "trash"}, follow_redirects=False)
    page = read(service.client.get(answer.headers["location"]).text)
    assert "1 run deleted." in words(page.one("form", id="undo"))
    assert not page.all("tr", id="run-2")
    service.client.post("/runs/change", data={"id": "2", "action": "restore"})
    assert read(service.client.get("/runs?q=tuned").text).all("tr", id="run-2")
    assert not read(service.client.get("/runs?severity=bad").text).all("tr", id="run-1")
