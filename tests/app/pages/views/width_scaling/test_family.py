"""The report of a family: what it says in words and numbers, and that it follows the facts."""

import pytest
from safetensors.torch import save

from tests import families
from tests.app import families as family
from tests.app.pages.reader import Page, read, words
from tests.service import Service


def page(service: Service, address: str = "/runs/1") -> Page:
    answer = service.client.get(address)
    assert answer.status_code == 200
    return read(answer.text)


def test_it_answers_first_and_shows_every_kind(service: Service) -> None:
    family.analysed(service, "λ ∝ √d")
    found = page(service)
    assert words(found.one("section", id="verdict")).startswith("Verdict Yes. From width 16 to 48 σ₁ of the matrices")
    assert "d^0.75" in words(found.one("p", class_="verdict"))
    figures = [plot.attributes["data-figure"] or "" for plot in found.all("div", class_="plot widths")]
    assert [figure.split("role=")[1] for figure in figures] == ["q", "k", "v", "o", "gate", "up", "down"]
    assert all("/figures/top_singular_value/scaling?" in figure for figure in figures)
    for figure in [*figures, *(plot.attributes["data-figure"] or "" for plot in found.all("div", class_="plot depth"))]:
        assert service.client.get(figure).json()["data"]
    exponents = words(found.one("section", id="exponents"))
    assert "query 0.75 0.75 to 0.750.00 Agrees with 0.75" in exponents
    assert "head – –" in exponents
    assert found.one("a", href="/scaling").attributes["aria-current"] == "page"


@pytest.mark.parametrize(
    ("rule", "answer"), [("λ constant", "Nearly."), ("both constant", "No."), ("λ ∝ d", "Nearly.")]
)
def test_a_drift_is_answered_and_mended(service: Service, rule: str, answer: str) -> None:
    family.analysed(service, rule)
    found = page(service, "/runs/1?view=drift")
    assert answer in words(found.one("p", class_="verdict"))
    assert "λ R²" in words(found.one("section", id="family"))
    cells = [words(cell) for cell in found.all("span") if (cell.attributes.get("class") or "").startswith("cell r-")]
    drift = families.RULES[rule][2]
    assert cells[2].rstrip("!✕") == f"{3.0**drift:.2f}"
    assert "/drift?role=q" in (found.all("div", class_="plot widths")[0].attributes["data-figure"] or "")


def test_against_the_law_each_pair_is_one(service: Service) -> None:
    family.analysed(service, "both constant")
    found = page(service)
    cells = {words(cell) for cell in found.all("span") if (cell.attributes.get("class") or "").startswith("cell r-")}
    assert cells == {"1.00"}


def test_the_recipe_is_for_the_width_that_the_address_asks_for(service: Service) -> None:
    family.analysed(service)
    found = page(service, "/runs/1?target=128")
    code = found.one("pre", id="recipe-python").text
    assert '{"params": matrices, "lr": 0.005, "weight_decay": 5.65685},' in code
    assert '"width": 128' in found.one("pre", id="recipe-json").text
    assert found.one("button", data_copy="#recipe-python")
    assert found.one("input", name="target").attributes["value"] == "128"
    assert found.one("input", name="target").attributes["type"] == "number"
    assert page(service).one("input", name="target").attributes["value"] == "96"
    assert service.client.get("/runs/1?target=-3").status_code == 404


def test_without_facts_it_says_what_it_can_and_asks_for_them(service: Service) -> None:
    ids = family.upload(service)
    service.run(*ids, diagnostics=family.ASKED)
    service.work()
    found = page(service)
    assert "σ₁ grows as d^0.25" in words(found.one("p", class_="verdict"))
    assert "Not known: the learning rate of" in words(found.one("section", id="findings"))
    assert "A recipe needs the learning rate" in words(found.one("section", id="recipe"))
    assert "/drift?role=q" in (found.all("div", class_="plot widths")[0].attributes["data-figure"] or "")
    edit = found.one("a", class_="btn", href="/scaling?of=1&of=2&of=3&of=4&run=1")
    assert words(edit) == "Edit facts"
    family.state(service, ids)
    assert "σ₁ / √(η/λ) grows as d^0.75" in words(page(service).one("p", class_="verdict"))
    service.work()
    assert "grows as d^0.75" in words(page(service, "/").one("section", id="runs"))  # in lists too


def test_no_decay_and_one_width(service: Service) -> None:
    ids = family.upload(service, widths=(16.0, 24.0))
    ids.append(service.upload(save(families.model(families.settings("both constant")[0])))["id"])
    service.work()
    service.client.patch(f"/api/v1/checkpoints/{ids[0]}", json={"facts": {"learning_rate": 0.1, "weight_decay": 0}})
    service.run(*ids[:2], diagnostics=family.ASKED)
    service.run(ids[0], ids[2], diagnostics=family.ASKED)
    service.work()
    said = words(page(service).one("section", id="findings"))
    assert "trained without weight decay: the law says nothing there" in said
    assert "Two widths: no exponents" in said
    assert "All models have the width 16" in words(page(service, "/runs/2").one("section", id="findings"))


def test_a_width_that_contradicts_the_shapes_is_told(service: Service) -> None:
    ids = family.analysed(service)
    service.client.patch(f"/api/v1/checkpoints/{ids[1]}", json={"facts": {"width": 100}})
    said = words(page(service).one("section", id="findings"))
    assert "The stated width of d24.safetensors contradicts the shapes" in said
    assert "100 stated, 24 in the matrices" in said


def test_steps_of_one_run_are_shown_as_such(service: Service) -> None:
    given = families.settings("λ constant")[1]
    for step in (100, 200):
        service.upload(save({name: step * tensor for name, tensor in families.model(given).items()}), f"step{step}")
        service.client.patch(f"/api/v1/checkpoints/{step // 100}", json={"facts": {"step": step, "learning_rate": 0.1}})
    service.work()
    service.run(1, 2, diagnostics=family.ASKED)
    service.work()
    found = page(service)
    assert words(found.one("h1")) == "How did the weights change over the steps?"
    assert "From step 100 to 200 σ₁ changes by a factor of 2" in words(found.one("p", class_="verdict"))
    assert service.client.get(found.one("div", class_="plot growth").attributes["data-figure"] or "").json()["data"]
    assert not found.all("section", id="exponents")


def test_a_run_that_does_more_has_a_page_for_each(service: Service) -> None:
    ids = family.upload(service)
    service.run(*ids, diagnostics={"norms": {}, **family.ASKED})
    service.work()
    tabs = [
        words(link)
        for link in page(service).all("a")
        if link.attributes.get("href", "") in ("/runs/1", "/runs/1?alone=True")
    ]
    assert tabs == ["Width scaling", "Each by itself"]
    assert not page(service, "/runs/1?alone=True").all("section", id="exponents")


def test_a_run_that_has_found_nothing_says_so(service: Service) -> None:
    ids = family.upload(service)
    service.run(*ids, diagnostics=family.ASKED)
    found = page(service)
    assert found.one("div", id="soon")
    service.client.post("/api/v1/runs/1/cancel")
    assert "Cancelled" in words(page(service).one("div", id="outcome"))
