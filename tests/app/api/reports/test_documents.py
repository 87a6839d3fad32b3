"""A report as one file over HTTP."""

import re

from frontend.document.pictures import MOST_LAYERS
from tests.app.pages.reader import read, words
from tests.service import Service, model


def test_a_report_comes_as_a_file(analysed: Service) -> None:
    answer = analysed.client.get("/api/v1/runs/1/report.html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="run-1.html"'
    report = analysed.get("/api/v1/runs/1/report")
    assert answer.text.count("<tr data-key=") == len(report["tables"]["esd"])
    assert "<h1>model.safetensors</h1>" in answer.text
    for finding in report["findings"]:
        assert finding["text"][:20] in answer.text
    again = analysed.client.get("/api/v1/runs/1/report.html", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    analysed.get("/api/v1/runs/7/report.html", 404)


def test_the_meaning_of_each_column_is_text_that_opens(analysed: Service) -> None:
    page = read(analysed.client.get("/api/v1/runs/1/report.html").text)
    (meanings,) = page.all("details", class_="meanings")
    (esd,) = (each for each in analysed.get("/api/v1/diagnostics") if each["name"] == "esd")
    alpha = next(column for column in esd["columns"] if column["name"] == "alpha")
    assert alpha["meaning"] in words(meanings)
    assert not any(
        "title" in heading.attributes for heading in page.all("th") if "col" in str(heading.attributes.get("scope"))
    )


def test_layers_have_their_spectra(analysed: Service) -> None:
    text = analysed.client.get("/api/v1/runs/1/report.html").text
    assert '"kind":"density"' in text
    measured = sum(row["alpha"] is not None for row in analysed.get("/api/v1/runs/1/report")["tables"]["esd"])
    assert text.count('"kind":"density"') >= measured > 0


def test_a_comparison_has_its_figures(compared: Service) -> None:
    text = compared.client.get("/api/v1/runs/1/report.html").text
    assert "What changed" in text
    assert '"kind":"spectra"' in text
    assert "lora: " in text


def test_the_figures_of_layers_are_bounded(service: Service) -> None:
    service.upload(model(40, 8))
    service.run(1)
    service.work()
    text = service.client.get("/api/v1/runs/1/report.html").text
    total = len(service.get("/api/v1/runs/1/report")["tables"]["esd"])
    assert total > MOST_LAYERS
    shown = re.search(r"(\d+) of (\d+) layers have their figures here", text)
    assert shown
    assert int(shown[1]) <= MOST_LAYERS
    assert int(shown[2]) == total
