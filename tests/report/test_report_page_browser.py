"""The page in a browser: offline, silent, legible at any width, and all within reach of the keyboard."""

import csv
import shutil

import pytest
from page_findings import FINDINGS
from page_rules import broken_rules
from pypdf import PdfReader
from sample_report import sample_record

from example_fairness import hostile_audit, hostile_comparison
from example_privacy import HOSTILE, example_mechanism
from example_records import example_record
from example_scan import HOSTILE_NAMES, example_scan
from trivet.findings import findings_of
from trivet.findings.summary import summary_of
from trivet.place import find
from trivet.report.figures import available
from trivet.report.pages import FAIRNESS, MECHANISM, MITIGATIONS, SCAN, write_page
from trivet.report.write.html import html_page

OVERFLOWING = """elements => elements
    .filter(each => each.checkVisibility() && !each.closest('.scroll, .drawing, math'))
    .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
    .map(each => each.outerHTML.slice(0, 200))"""
SIZES = "elements => elements.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
FOCUSED = "document.activeElement"
UNFOLD = "document.querySelectorAll('details.fold').forEach(each => { each.open = true; })"
PAPER_OF_DRAWING = "getComputedStyle(document.querySelector('.drawing')).backgroundColor"


@pytest.fixture(scope="module")
def address(study_report, study_record, study_document, tmp_path_factory):
    """The study's page, with findings and with the data of its figures."""
    figures = study_report.html.parent / "figures"
    path = tmp_path_factory.mktemp("page") / "report.html"
    source = html_page(
        study_document, summary_of(study_record, findings_of(study_record)), figures, record=study_record
    )
    path.write_text(source, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Opens a page; at the end of the test it has said nothing and asked for nothing."""
    contexts, said, asked, addresses = [], [], [], []

    def open_page(address, *, width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        addresses.append(address)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {*addresses}


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (320, "light"),
        (1280, "dark"),
        pytest.param(390, "dark", marks=pytest.mark.slow),
        pytest.param(1280, "light", marks=pytest.mark.slow),
    ],
)
def test_the_page_is_legible(opened, address, width, scheme):
    page = opened(address, width=width, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(UNFOLD)
    drawings = page.eval_on_selector_all("figure svg", SIZES)
    assert len(drawings) == len(available(example_record()))
    assert all(wide > 250 and high > 60 for wide, high in drawings)
    equations = page.eval_on_selector_all(".equation math", SIZES)
    assert len(equations) == 25
    assert all(wide > 40 and high > 10 for wide, high in equations)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.eval_on_selector_all("main *, header *, nav *", OVERFLOWING) == []
    assert broken_rules(page) == []


def test_the_first_screen_has_the_whole_card_with_a_picture_a_leg(opened, address):
    page = opened(address, width=1280, height=800)
    assert page.locator("#outcome").inner_text() == "FAILED"
    card = page.locator(".card").bounding_box()
    assert card["y"] + card["height"] <= 800
    assert page.locator(".card .lines > li:not(.heads)").count() == 10
    pictures = page.locator(".card .thumbnail")
    assert pictures.count() == 3
    for place in range(3):
        drawn = pictures.nth(place).locator("use").bounding_box()
        assert drawn["width"] > 40
        assert drawn["height"] > 40
    pictures.first.click()
    assert page.locator(
        page.locator(".thumbnail").first.get_attribute("href").replace(":", "\\:")
    ).is_visible()


@pytest.mark.parametrize(
    ("width", "scheme"), [pytest.param(390, "dark", marks=pytest.mark.slow), (1280, "light")]
)
def test_axe_finds_nothing_serious(opened, address, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(opened(address, width=width, color_scheme=scheme)).response
    assert len(found["passes"]) > 30
    serious = [each for each in found["violations"] if each["impact"] in {"serious", "critical"}]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious] == []


@pytest.mark.slow
def test_reading_aids_break_no_rule(opened, address):
    page = opened(address, width=390)
    page.click("nav summary")
    page.click(".passed > summary")
    page.click("#sources")
    page.locator("main .value").nth(3).click()
    assert broken_rules(page) == []
    page.locator(".enlarge").first.click()
    assert broken_rules(page) == []


#: A card of one leg, which has its picture beside it, as of an audit of a table alone.
ONE_LEG = """[...document.querySelectorAll('.card .legs > li')].forEach((each, place) => {
    each.classList.add(place ? 'bare' : 'alone');
    if (place) each.querySelectorAll('.thumbnail, .parts').forEach(part => part.remove());
})"""


@pytest.mark.parametrize(
    "width", [390, 1000, *(pytest.param(width, marks=pytest.mark.slow) for width in (800, 1280))]
)
def test_no_picture_covers_the_verdict_of_a_leg_alone(opened, address, width):
    page = opened(address, width=width)
    page.evaluate(ONE_LEG)
    picture = page.locator(".card .thumbnail").bounding_box()
    word = page.locator(".card .alone .verdict .word").bounding_box()
    beside = word["x"] + word["width"] <= picture["x"]
    assert beside or word["y"] + word["height"] <= picture["y"]


@pytest.mark.slow
def test_without_a_script_everything_is_there(opened, address):
    page = opened(address, java_script_enabled=False)
    assert page.locator(".switches").is_hidden()
    assert page.locator('.value[title^="security.published.asr.before"]').count() > 0
    assert page.locator("nav a").first.is_visible()
    page.set_viewport_size({"width": 390, "height": 900})
    page.evaluate("scrollTo(0, 9000)")
    assert page.locator("nav").bounding_box()["y"] < -1000
    page.set_viewport_size({"width": 1280, "height": 900})
    drawing = page.locator(".drawing").first
    small = drawing.bounding_box()
    page.locator(".enlarge").first.click()
    assert drawing.bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 900}
    drawing.get_by_role("link", name="Close").click()
    assert drawing.bounding_box()["width"] == small["width"]


def asr_in(page):
    return page.locator('#evidence .value[data-source^="security.published.asr.before"]').first


def test_a_resting_pointer_sees_the_source(opened, address):
    page = opened(address)
    value, tip = asr_in(page), page.locator("#source")
    assert tip.is_hidden()
    value.hover()
    place, exact, origin, seed = tip.inner_text().splitlines()
    assert (place, exact, seed) == ("security.published.asr.before", "= 0.994", "Seed 0")
    assert "Equation (" in origin
    assert value.get_attribute("title") is None
    assert value.get_attribute("aria-describedby") == "source"
    tip.hover()
    assert tip.is_visible()
    page.mouse.move(2, 2)
    assert tip.is_hidden()
    value.hover()
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    assert value.get_attribute("aria-describedby") is None


def test_a_tap_shows_the_source_and_another_hides_it(opened, address):
    page = opened(address, width=390, has_touch=True, is_mobile=True)
    asr_in(page).tap()
    box = page.locator("#source").bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#source").tap()
    assert page.locator("#source").is_visible()
    page.locator("main figcaption").first.tap(position={"x": 2, "y": 2})
    assert page.locator("#source").is_hidden()


def test_the_keyboard_reaches_sources_in_a_mode_only(opened, address):
    page = opened(address)
    stops = "document.querySelectorAll('.value[tabindex=\"0\"]').length"
    assert page.evaluate(stops) == 0
    page.focus("#sources")
    page.keyboard.press("Enter")
    assert page.get_attribute("#sources", "aria-pressed") == "true"
    values = page.locator(".value").count()
    assert f"{values} values" in page.locator("#told").inner_text()
    assert 0 < page.evaluate(stops) < values / 2
    assert page.locator(".value").first.get_attribute("role") == "button"

    first = page.locator("#evidence table .value").first
    first.focus()
    shown = [page.locator("#source").inner_text()]
    for key in ("ArrowRight", "ArrowDown", "End", "Home"):
        page.keyboard.press(key)
        assert page.locator("#source").is_visible()
        shown.append(page.locator("#source").inner_text())
    assert len({*shown}) == 4
    assert shown[-1] == shown[0]
    page.keyboard.press("Tab")
    assert not page.evaluate(f"{FOCUSED}.closest('table')")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(f"{FOCUSED}.dataset.source") == first.get_attribute("data-source")
    page.keyboard.press("Escape")
    assert page.locator("#source").is_hidden()
    page.keyboard.press("Space")
    assert page.locator("#source").is_visible()

    page.click("#sources")
    assert page.evaluate("document.querySelectorAll('.value[tabindex], .value[role]').length") == 0


@pytest.mark.slow
def test_the_keyboard_goes_from_the_skip_link_through_the_contents_to_a_figure(opened, address):
    page = opened(address, reduced_motion="reduce")
    page.keyboard.press("Tab")
    assert page.evaluate(f"{FOCUSED}.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate(f"{FOCUSED}.id") == "evidence"
    page.keyboard.press("Tab")
    assert page.evaluate(f"document.querySelector('#evidence').contains({FOCUSED})")

    entry = page.locator("nav a").nth(5)
    entry.focus()
    page.keyboard.press("Enter")
    heading = page.locator(f'[id="{entry.get_attribute("href")[1:]}"]')
    assert 0 <= heading.bounding_box()["y"] < 300
    page.wait_for_selector("nav [aria-current]")
    assert entry.get_attribute("aria-current") == "location"

    link = page.locator(".enlarge").nth(2)
    name = page.locator("figure.picture").nth(2).get_attribute("id")
    small = page.locator("figure svg").nth(2).bounding_box()
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    assert dialog.locator("svg").bounding_box()["width"] > small["width"]
    for _ in range(3):
        # Between the last and the first stop is the browser's own, where the page has the focus nowhere.
        assert page.evaluate(f"{FOCUSED} === document.body || !!{FOCUSED}.closest('dialog')")
        page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    assert page.evaluate(f"{FOCUSED}.closest('figure').id") == name
    assert page.locator("figure svg").nth(2).bounding_box()["width"] == small["width"]
    link.click()
    dialog.get_by_role("button", name="Close").click()
    assert dialog.is_hidden()
    assert page.locator("figure svg").count() == len(available(example_record()))


def test_the_data_of_a_figure_are_saved_as_the_record_has_them(opened, address, study_record):
    page = opened(address)
    links = page.locator("figure a[download]")
    assert links.count() == len(available(example_record()))
    with page.expect_download() as download:
        links.nth(1).click()
    assert download.value.suggested_filename.endswith(".csv")
    assert download.value.path().read_bytes().startswith(b"\xef\xbb\xbfplace,value\r\n")
    with download.value.path().open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 10
    for row in rows:
        value = find(study_record, row["place"])
        assert row["value"] == str(value)


@pytest.mark.slow
def test_the_reader_chooses_light_or_dark_and_may_keep_it(opened, address):
    page = opened(address, color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#dark")
    dark = page.evaluate(paper)
    assert dark != light
    assert page.get_attribute("#dark", "aria-pressed") == "true"
    assert broken_rules(page) == []
    assert page.evaluate(PAPER_OF_DRAWING) == page.evaluate(paper)
    page.reload()
    assert page.evaluate(paper) == dark
    page.emulate_media(media="print")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_theory_is_folded_and_a_link_into_it_opens_it(opened, address):
    page = opened(address, reduced_motion="reduce")
    folds = page.locator("details.fold")
    assert folds.count() >= 10
    assert page.locator("details.fold[open]").count() == 0
    link = page.locator('a[href="#eq:decision"]:visible').first
    link.click()
    page.wait_for_function("document.querySelector('details.fold[open]')")
    equation = page.locator('[id="eq:decision"]')
    assert equation.is_visible()
    assert 0 <= equation.bounding_box()["y"] < 900
    assert page.locator("details.fold[open]").count() == 1
    page.evaluate("location.hash = '#eq:cohorts'")
    page.wait_for_function("document.querySelectorAll('details.fold[open]').length === 2")
    assert page.locator('[id="eq:cohorts"]').is_visible()


def test_a_wide_table_says_that_it_goes_on_and_scrolls_by_keyboard(opened, address):
    page = opened(address, width=390)
    wide = page.locator("#evidence .scroll[data-goes-on]").first
    said = "each => getComputedStyle(each, '::before').content"
    assert "goes on to the right" in wide.evaluate(said)
    wide.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("each => each.scrollLeft > 0", arg=wide.element_handle())
    assert page.locator(".scroll:not([data-goes-on])").first.evaluate(said) == "none"
    page.emulate_media(media="print")
    assert wide.evaluate("each => getComputedStyle(each, '::before').display") == "none"


def test_mathematics_is_set_in_the_font_of_the_page(opened, address):
    page = opened(address)
    loaded = "document.fonts.load('16px \"STIX Two Math\"', '\U0001d465').then(found => found[0]?.status)"
    assert page.evaluate(loaded) == "loaded"


@pytest.mark.slow
def test_a_browser_that_keeps_nothing_is_no_hindrance(browser, address):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }});"
    page.add_init_script(refuse)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.click("#dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert errors == []
    context.close()


@pytest.mark.slow
def test_narrow_contents_are_folded_and_follow(opened, address):
    page = opened(address, width=390, reduced_motion="reduce")
    assert page.locator("nav a").first.is_hidden()
    page.evaluate("scrollTo(0, 5000)")
    assert page.locator("nav").bounding_box()["y"] == 0
    page.click("nav summary")
    page.locator("nav .entries > ul > li > a").nth(3).click()
    assert page.locator("nav a").first.is_hidden()
    assert page.locator("nav").bounding_box()["y"] == 0
    wide = opened(address, width=1280)
    assert wide.locator("nav a").first.is_visible()
    wide.evaluate("scrollTo(0, 5000)")
    assert 0 < wide.locator("nav").bounding_box()["y"] < 50


@pytest.mark.parametrize("script", [True, False])
def test_paper_shows_everything_but_what_only_a_screen_can(
    opened, script, sample_document, sample_figures, tmp_path
):
    source = html_page(sample_document, summary_of(sample_record(), FINDINGS), sample_figures)
    written = tmp_path / "page.html"
    written.write_text(source, encoding="utf-8")
    page = opened(written.as_uri(), java_script_enabled=script, color_scheme="dark")
    path = tmp_path / "page.pdf"
    page.pdf(path=path, format="A4", print_background=True)
    text = "".join(sheet.extract_text() for sheet in PdfReader(path).pages)
    assert "The input contract" in text  # of a finding that is folded away on a screen
    assert "Enlarge" not in text
    assert "Skip to the evidence" not in text
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    if script:
        assert page.evaluate("getComputedStyle(document.querySelector('header')).position") == "static"
        assert not page.evaluate("document.querySelector('.passed').open")


@pytest.mark.slow
def test_names_of_strangers_stay_names(opened, tmp_path):
    scan, triggers = example_scan(names=HOSTILE_NAMES).audit
    pages = (
        write_page(SCAN, scan, tmp_path / "scan", triggers),
        write_page(FAIRNESS, hostile_audit(), tmp_path / "fairness"),
        write_page(MITIGATIONS, hostile_comparison(), tmp_path / "comparison"),
        write_page(
            MECHANISM,
            example_mechanism(violates=True, name=f"m:{HOSTILE}", text=HOSTILE),
            tmp_path / "mechanism",
        ),
    )
    for path, *_ in pages:
        page = opened(path.as_uri(), width=390)
        assert page.locator("script").count() == 1
        page.click("#sources")
        page.locator(".value", has_text="<script>").first.click()
        assert page.locator("#source *").count() == page.locator("#source > *").count()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert broken_rules(page) == []
