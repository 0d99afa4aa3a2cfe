"""Take pictures of pages in a browser, and measure what a reader would stumble over.

    python tools/look_at_pages.py --to pictures                  # every page, of the tests' example results
    python tools/look_at_pages.py trivet-out --to pictures       # every page below a folder

For each page: a picture at 1280 and at 390 pixels, in light and in dark, and its print as PDF with a
picture of each sheet. What is measured goes to standard output: what reaches over the edge, requests that
leave, the size of the file, sentences that stand twice, sheets that are mostly empty, and what axe finds.
It needs chromium and the packages of the extra "dev"; pdftoppm draws the sheets.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
#: Which of them axe looks at.
CHECKED = ((1280, "light"), (390, "dark"))
#: Pixels of a picture in height; a longer page becomes several.
SLICE = 2400
#: Bytes of a page at most.
MOST_BYTES = 3 * 2**20
#: Characters from which a sentence counts when it stands twice.
SENTENCE = 40
#: Share of a sheet that is filled at least, unless it is the last.
FILLED = 0.35

OVERFLOWING = """() => {
    const scrolls = each => /auto|scroll/.test(getComputedStyle(each).overflowX);
    const held = each => each && (scrolls(each) || held(each.parentElement));
    return [...document.querySelectorAll('body *')]
        .filter(each => each.checkVisibility() && !each.closest('math, .skip, .unseen'))
        .filter(each => each.getBoundingClientRect().right > innerWidth + 1 && !held(each.parentElement))
        .map(each => each.outerHTML.slice(0, 120));
}"""
#: Text of a page by block, without pictures and what stands for them, sources, tables, and mathematics.
BLOCKS = """() => [...document.querySelectorAll('h1, h2, h3, p, li, figcaption, dd, dt, .reason')]
    .filter(each => !each.closest('nav, dialog, .tools') && !each.querySelector('p, li, dd, .reason'))
    .map(each => { const copy = each.cloneNode(true);
                   copy.querySelectorAll('.label, .number, cite, svg').forEach(part => part.remove());
                   return copy.textContent; })"""


def repeated_sentences(blocks: list[str]) -> dict[str, int]:
    """Count the sentences of a text that stand in it more than once."""
    sentences = (
        re.sub(r"\s+", " ", sentence).strip()
        for block in blocks
        for sentence in re.split(r"(?<=[.!?])\s+", block)
    )
    counted = Counter(sentence for sentence in sentences if len(sentence) > SENTENCE)
    return {sentence: count for sentence, count in counted.items() if count > 1}


def filled_shares(pdf: Path) -> list[float]:
    """Return of each page of a PDF the share of its text's area that is not empty, from 0 to 1.

    The area is divided into 40 strips by 4 columns; a cell counts where anything is drawn in it.
    """
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    shares = []
    for picture in draw_sheets(pdf, pdf.with_suffix(""), resolution=30):
        drawn = np.asarray(Image.open(picture).convert("L")) < 215  # noqa: PLR2004
        high, wide = drawn.shape
        area = drawn[int(0.07 * high) : int(0.92 * high), int(0.08 * wide) : int(0.92 * wide)]
        cells = [np.array_split(strip, 4, axis=1) for strip in np.array_split(area, 40)]
        shares.append(float(np.mean([[cell.any() for cell in row] for row in cells])))
    return shares


def draw_sheets(pdf: Path, stem: Path, *, resolution: int) -> list[Path]:
    """Draw every page of a PDF as PNG beside `stem`."""
    for old in stem.parent.glob(f"{stem.name}-sheet-*.png"):
        old.unlink()
    target = f"{stem}-sheet"
    subprocess.run(["pdftoppm", "-r", str(resolution), "-png", str(pdf), target], check=True)
    return sorted(stem.parent.glob(f"{stem.name}-sheet-*.png"))


def look(browser: Any, page: Path, stem: Path, *, axe: Any = None) -> Iterator[str]:
    """Take the pictures of one page and yield what is wrong with it."""
    if page.stat().st_size > MOST_BYTES:
        yield f"{page.stat().st_size / 2**20:.1f} MiB, more than 3"
    for width in WIDTHS:
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
            )
            opened = context.new_page()
            said: list[str] = []
            asked: list[str] = []
            opened.on("console", lambda message, said=said: said.append(message.text))
            opened.on("pageerror", lambda error, said=said: said.append(str(error)))
            opened.on("request", lambda request, asked=asked: asked.append(request.url))
            opened.goto(page.as_uri())
            where = f"{width} {scheme}"
            leaving = {url for url in asked if not url.startswith("data:")} - {page.as_uri()}
            yield from (f"{where}: asks for {url}" for url in sorted(leaving))
            yield from (f"{where}: says {text}" for text in said)
            wide = opened.evaluate("document.scrollingElement.scrollWidth")
            if wide > width:
                yield f"{where}: {wide} pixels wide"
            yield from (f"{where}: over the edge: {each}" for each in opened.evaluate(OVERFLOWING))
            if axe is not None and (width, scheme) in CHECKED:
                yield from (f"{where}: {each}" for each in _serious(axe, opened))
            high = opened.evaluate("document.scrollingElement.scrollHeight")
            opened.set_viewport_size({"width": width, "height": SLICE})
            for number, top in enumerate(range(0, high, SLICE)):
                opened.evaluate(f"scrollTo(0, {top})")
                opened.screenshot(path=f"{stem}-{width}-{scheme}-{number}.png")
            if width == WIDTHS[0] and scheme == SCHEMES[0]:
                twice = repeated_sentences(opened.evaluate(BLOCKS))
                yield from (f"stands {count} times: {text}" for text, count in twice.items())
                printed = stem.with_name(f"{stem.name}-print.pdf")
                opened.pdf(path=printed, format="A4", print_background=True)
                yield from _sheets(printed)
            context.close()
    beside = page.with_suffix(".pdf")
    if beside.exists():
        copied = stem.with_name(f"{stem.name}-paper.pdf")
        shutil.copyfile(beside, copied)
        yield from _sheets(copied)


def _serious(axe: Any, opened: Any) -> Iterator[str]:
    for each in axe.run(opened).response["violations"]:
        if each["impact"] in {"serious", "critical"}:
            yield f"axe: {each['id']} ({len(each['nodes'])}): {each['nodes'][0]['html'][:160]}"


def _sheets(pdf: Path) -> Iterator[str]:
    if shutil.which("pdftoppm") is None:
        return
    shares = filled_shares(pdf)
    draw_sheets(pdf, pdf.with_suffix(""), resolution=60)
    for number, share in enumerate(shares[:-1], 1):
        if share < FILLED:
            yield f"{pdf.name}: page {number} of {len(shares)} is filled to {share:.0%}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of pages; none for the examples")
    parser.add_argument("--to", type=Path, default=Path("pictures"), help="where the pictures go")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--no-axe", action="store_true", help="leave axe out, which takes half of the time")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    if given.folders:
        found = (path for folder in given.folders for path in sorted(folder.rglob("*.html")))
        pages = {"-".join(path.with_suffix("").parts[-2:]): path.resolve() for path in found}
    else:
        sys.path.insert(0, str(ROOT / "tests"))
        from example_pages import write_every_page  # noqa: PLC0415

        pages = write_every_page((given.to / "pages").resolve())
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    axe = None
    if not given.no_axe:
        from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

        axe = Axe()
    wrong = 0
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        for name, path in pages.items():
            if given.only in name:
                complaints = list(dict.fromkeys(look(browser, path, given.to / name, axe=axe)))
                print(f"{name}: {path.stat().st_size / 2**20:.2f} MiB, {len(complaints)} remarks", flush=True)
                print(*(f"    {each}" for each in complaints), sep="\n", flush=True)
                wrong += len(complaints)
        browser.close()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
