"""Paper: nothing of a printed report is cut or lies over something else, however many checkpoints it compares."""

from collections.abc import Mapping

import pytest
import torch
from playwright.sync_api import Page
from safetensors.torch import save

from tests.app.pages import compared
from tests.browser.conftest import Watched
from tests.browser.test_accessibility import LAYER, finish, upload
from tests.service import model

TUNED = 6
PAPER = {"width": 703, "height": 1000}  # A4 between its margins, in CSS pixels
# the browser lays a page out anew for paper after this event; figures are not drawn again
PRINT = """() => {
  addEventListener("resize", (event) => event.stopImmediatePropagation(), true);
  dispatchEvent(new Event("beforeprint"));
}"""
CUT = """() => {
  const shown = (query) => [...document.querySelectorAll(query)].filter((node) => node.offsetParent);
  const name = (node) => `${node.closest(".card")?.id} ${node.tagName} ${node.className}`;
  const cut = shown(".findings, .scroll").filter((node) => node.scrollHeight > node.clientHeight + 1);
  const right = (node) => node.getBoundingClientRect().right;
  const wide = shown("table").filter((node) => right(node) > right(node.closest(".card")) + 1);
  const off = shown(".plot").filter((node) => {
    const drawing = node.querySelector(".main-svg")?.getBoundingClientRect(), place = node.getBoundingClientRect();
    return !drawing || drawing.bottom > place.bottom + 1 || drawing.right > place.right + 1 || drawing.width < 300;
  });
  return [cut, wide, off].map((nodes) => nodes.map(name));
}"""


@pytest.fixture(scope="module")
def paths(served: str) -> Mapping[str, str]:
    """A base and six tuned models with longer names: their comparison, single reports, and those side by side."""
    base = compared.tensors()["base"]
    noise = torch.Generator().manual_seed(3)
    tuned = [
        {name: value + 0.1 * at * torch.randn(value.shape, generator=noise) for name, value in base.items()}
        for at in range(1, TUNED + 1)
    ]
    ids = [upload(served, "base", save(base))]
    ids += [upload(served, f"fine-tune-{at}-with-a-name", save(each)) for at, each in enumerate(tuned)]
    comparison = finish(served, {"checkpoints": ids})
    singles = [finish(served, {"checkpoints": [identity]}) for identity in ids]
    return {
        "comparison": f"/runs/{comparison}",
        "report": f"/runs/{singles[0]}",
        "layer": f"/runs/{singles[0]}/layers?weight={LAYER}",
        "beside": f"/compare/reports?of={','.join(map(str, singles))}",
    }


def printed(watched: Watched, path: str) -> Page:
    """The page as paper has it."""
    page = watched.open(path)
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => window.Plotly")
    page.wait_for_timeout(1000)  # figures that nobody has seen are fetched
    page.evaluate(PRINT)
    page.set_viewport_size({"width": PAPER["width"], "height": PAPER["height"]})
    page.emulate_media(media="print")
    return page


@pytest.mark.parametrize("kind", ["comparison", "report", "layer", "beside"])
def test_nothing_is_cut_and_nothing_overlaps(watched: Watched, paths: Mapping[str, str], kind: str) -> None:
    page = printed(watched, paths[kind])
    assert page.locator(".plot:visible").count() > 0
    assert page.evaluate(CUT) == [[], [], []]


def test_a_wide_table_is_divided_and_put_together_again(watched: Watched, paths: Mapping[str, str]) -> None:
    columns = ("intruders.count", "update.relative_norm", "update.effective_rank")
    page = printed(watched, f"{paths['comparison']}?{'&'.join(f'columns={each}' for each in columns)}")
    heads = page.locator("#layers table:visible thead tr:last-child")
    assert heads.count() > 1
    first, *others = [heads.nth(at).locator("th").all_inner_texts() for at in range(heads.count())]
    whole = page.locator("#layers #rows thead tr:last-child th").count()
    assert all(each[0] == first[0] for each in others)
    counts = [len(each) for each in (first, *others)]
    assert max(counts) - min(counts) <= 2  # none has one column alone
    assert 1 + sum(len(each) - 1 for each in (first, *others)) == whole
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator("#layers table").count() == 1
    assert page.locator("#layers #rows").is_visible()


def test_a_difference_stays_beside_its_value(watched: Watched, paths: Mapping[str, str]) -> None:
    page = printed(watched, paths["beside"])
    heads = page.locator("#layers table:visible thead tr:last-child")
    assert heads.count() > 1
    assert all("Difference" not in heads.nth(at).locator("th").nth(1).inner_text() for at in range(heads.count()))


def test_paper_has_every_row_of_a_long_table(watched: Watched, served: str) -> None:
    run = finish(served, {"checkpoints": [upload(served, "long", model(layers=80))], "diagnostics": {"norms": {}}})
    page = watched.open(f"/runs/{run}")
    count = int(page.locator("#rows").get_attribute("aria-rowcount") or 0) - 1
    drawn = page.locator("#rows tbody tr[data-key]")
    page.wait_for_function("() => document.querySelector('#rows tbody tr[aria-hidden]')")  # the others are loaded
    assert 0 < drawn.count() < count
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert drawn.count() == count
    assert page.locator("#rows tbody tr[aria-hidden]").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert drawn.count() < count
