from tests.app.pages.reader import read, words
from tests.service import Service


def test_a_form_names_tags_and_describes_a_checkpoint(analysed: Service) -> None:
    sent = {"name": "Better", "tags": "best, #v2", "notes": "a\r\nb"}
    analysed.client.post("/checkpoints/1/labels", data=sent)
    found = analysed.get("/api/v1/checkpoints/1")
    assert (found["name"], found["tags"], found["notes"]) == ("Better", ["best", "v2"], "a\nb")
    labels = words(read(analysed.client.get("/checkpoints/1").text).one("div", id="labels"))
    assert labels.startswith("Tag bestTag v2a b")


def test_a_run_gets_a_name_and_goes_in_and_out_of_archive_and_trash(analysed: Service) -> None:
    analysed.client.post("/runs/1/labels", data={"name": "Sweep", "tags": "x", "notes": "", "archived": "yes"})
    page = read(analysed.client.get("/runs/1").text)
    assert page.one("h1").text == "Sweep"
    assert "In the archive." in page.one("div", id="archived").text
    analysed.client.post("/runs/1/labels", data={"archived": "no"})
    assert analysed.get("/api/v1/runs/1")["tags"] == ["x"]
    analysed.client.post("/runs/1/delete")
    page = read(analysed.client.get("/runs/1").text)
    assert "In the trash." in page.one("div", id="trashed").text
    analysed.client.post("/runs/1/labels", data={"trashed": "no"})
    assert analysed.get("/api/v1/runs/1")["trashed_at"] is None
    analysed.client.post("/runs/1/delete")
    analysed.client.post("/runs/1/delete")
    analysed.get("/api/v1/runs/1", status=404)
