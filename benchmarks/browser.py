"""A report of 1,000 layers in a browser: `python -m benchmarks.browser`.

Chromium without a GPU, on the machine that serves too. *Interactive* is when the last task of more than 50 ms ends
within two seconds after loading, without a developer tool (benchmarks/visits.py). A click or a key counts until the
page shows what it asks for and has been drawn twice. Layout shift is the sum that browsers report (web.dev/cls),
while the page of a running analysis fills; these are measured through Playwright.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from app.settings import Settings
from benchmarks.service import analysed, fill, weights
from benchmarks.timing import markdown, spoken
from benchmarks.visits import visits
from docs.browser import FLAGS, chromium, serve

ROUNDS = 5
ROWS = '[...document.querySelectorAll("#rows tbody tr[data-key]")]'
SIZE: ViewportSize = {"width": 1440, "height": 900}
WATCH = """
window.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((one) => { if (!one.hadRecentInput) shift += one.value; }))
  .observe({ type: "layout-shift", buffered: true });
"""
TIMED = """async ([act, seen]) => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const before = document.querySelector("#rows tbody tr[data-key]").dataset.key;
  const is = new Function("before", `return ${seen}`), began = performance.now();
  new Function(act)();
  while (!is(before)) await new Promise((done) => setTimeout(done));
  await drawn();
  return performance.now() - began;
}"""
FIRST = 'document.querySelector("#rows tbody tr[data-key]")'
DRAWN = '[...document.querySelectorAll("#panel [data-figure]")].some((one) => one.querySelector(".main-svg"))'
ACTS = {
    "sort": (
        'document.querySelector("[data-sort=D]").click()',
        f'location.search.includes("sort=") && {FIRST}.dataset.key !== before',
    ),
    "filter": (
        'const box = document.querySelector("[data-filter] [name=q]"); box.value = "layers.7.";'
        'box.dispatchEvent(new Event("input", { bubbles: true }))',
        f'{ROWS}.every((row) => row.dataset.key.includes("layers.7."))',
    ),
    "a layer's first figure": (
        'const panel = document.querySelector("#panel"); panel.scrollIntoView();'
        'panel.querySelectorAll(".main-svg").forEach((one) => one.remove());'
        'document.querySelectorAll("#rows tbody tr[data-key]")[5].click()',
        f'!document.querySelector("#panel").hasAttribute("aria-busy") && {DRAWN}',
    ),
}  # fmt: skip


def with_page(browser: Browser, use: Callable[[Page], list[float]]) -> list[float]:
    context = browser.new_context(viewport=SIZE, bypass_csp=True)
    context.add_init_script(WATCH)
    try:
        return use(context.new_page())
    finally:
        context.close()


def acts(browser: Browser, address: str) -> list[float]:
    """Each act on a page of its own."""

    def act(name: str) -> list[float]:
        def use(page: Page) -> list[float]:
            page.goto(address)
            page.wait_for_timeout(2000)
            return [float(page.evaluate(TIMED, list(ACTS[name])))]

        return with_page(browser, use)

    return [act(name)[0] for name in ACTS]


def shift(browser: Browser, base: str, folder: Path) -> float:
    """Of the page of an analysis from its first second to its end."""
    run = analysed(base, weights(folder, 60, 512), wait=False)

    def use(page: Page) -> list[float]:
        page.goto(f"{base}/runs/{run}")
        page.locator("#soon").wait_for(state="detached", timeout=120_000)
        page.locator("[data-live]").wait_for(state="detached", timeout=120_000)
        page.wait_for_timeout(1000)
        return [float(page.evaluate("window.shift"))]

    return with_page(browser, use)[0]


def row(title: str, asked: str, found: list[float]) -> tuple[str, ...]:
    return title, asked, spoken(median(found) / 1e3), spoken(max(found) / 1e3)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with serve(folder) as (base, _):
            run = fill(Settings(data_dir=folder / "data"), analysed(base, weights(folder, 10, 96), wait=True))
            path = chromium() or sys.exit("There is no chromium.")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            address = f"{base}/runs/{run}"
            both = [visits(path, address) for _ in range(ROUNDS)]
            each = [acts(browser, address) for _ in range(ROUNDS)]
            rows = [
                row("first visit, interactive", "2 s", [first for first, _ in both]),
                row("second visit, interactive", "1 s", [second for _, second in both]),
                *(row(title, "300 ms" if "figure" in title else "100 ms", [one[place] for one in each])
                  for place, title in enumerate(ACTS)),
            ]  # fmt: skip
            print(markdown(("1,000 layers in Chromium", "asked", "median", "slowest"), rows))
            print(f"\nLayout shift of a page while its analysis runs: {shift(browser, base, folder):.3f} (asked: 0.1)")
            browser.close()


if __name__ == "__main__":
    main()
