import base64
import dataclasses
import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from example_scan import HOSTILE_NAMES, SUSPECT, example_repair, example_scan
from trivet.markup import number, panel, plain
from trivet.security.notebook import repair_html, scan_html, trigger_png


class Elements(HTMLParser):
    """Every element with its attributes, all text, and whether each end tag fits."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def shown_picture(source):
    (content,) = re.findall(r'src="data:image/png;base64,([^"]*)"', source)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_a_scan_says_verdict_reason_labels_and_limits():
    result = example_scan().result
    page = Elements(scan_html(example_scan()))
    assert page.open == []
    assert page.text.startswith("! backdoored, label 4 network.safetensors")
    for told in (result.reason, result.limits, "▸ 4, suspected", "p-value below 0.001", "seed 0, threads 1"):
        assert told in page.text
    assert page.text.count("suspected") == 1
    rows = [tag for tag, _ in page.elements if tag == "tr"]
    assert len(rows) == 1 + 10


def test_the_trigger_of_the_suspect_is_a_picture_of_it_on_mid_grey():
    source = scan_html(example_scan())
    pixels = shown_picture(source)
    assert pixels.shape == (112, 112)
    stamped = np.full((28, 28), 128)
    stamped[22:26, 22:26] = 255
    np.testing.assert_array_equal(pixels, stamped.repeat(4, axis=0).repeat(4, axis=1))
    (image,) = [attributes for tag, attributes in Elements(source).elements if tag == "img"]
    assert image["alt"] == "Trigger of label 4 on mid-grey: 16.0 pixels"


def test_without_a_suspect_there_is_no_picture():
    page = Elements(scan_html(example_scan(suspected=False)))
    assert page.text.startswith("✓ no evidence network.safetensors")
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert "▸" not in page.text


def test_of_many_labels_the_most_unusual_are_shown_and_the_rest_is_counted():
    page = Elements(scan_html(example_scan(classes=100)))
    assert len([tag for tag, _ in page.elements if tag == "tr"]) == 1 + 10
    assert "90 more labels are less unusual." in page.text
    assert "more labels" not in Elements(scan_html(example_scan())).text


def test_a_wrong_contract_is_told():
    assert (
        "! The declared input contract [0,1] gives" in Elements(scan_html(example_scan(mismatch=True))).text
    )


@pytest.mark.parametrize("result", ["scan", "repair"])
def test_nothing_runs_and_nothing_comes_from_elsewhere(result):
    page = Elements(scan_html(hostile_scan()) if result == "scan" else repair_html(hostile_repair()))
    assert {tag for tag, _ in page.elements} <= {
        *("div", "p", "strong", "small", "span", "bdi", "figure", "figcaption", "img"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    for _, attributes in page.elements:
        assert set(attributes) <= {"style", "class", "scope", "alt", "src", "dir"}
        assert attributes.get("src", "data:image/png;").startswith("data:image/png;")
        assert "url(" not in attributes.get("style", "")


def test_what_a_stranger_wrote_is_text_on_one_short_line():
    page = Elements(scan_html(hostile_scan()))
    assert page.text.count('<script>alert("x")</script>') == 2  # a class and the file
    assert r"2 (\x1b[31mred\x07\nand more)" in page.text
    assert r"\u202e" in page.text
    assert "a" * 29 not in page.text
    assert "\n" not in page.text


def test_no_sign_that_begins_mathematics_stands_beside_text():
    source = scan_html(hostile_scan())
    assert re.findall(r"(?<!<span>)[$\\]", source) == []
    assert re.findall(r"[$\\](?!</span>)", source) == []
    assert plain("$x$") == "<span>$</span>x<span>$</span>"
    assert 'class="tex2jax_ignore mathjax_ignore"' in source


def hostile_scan():
    scanned = example_scan(names=HOSTILE_NAMES)
    checkpoint = dataclasses.replace(scanned.result.checkpoint, name=HOSTILE_NAMES[0])
    return dataclasses.replace(scanned, result=dataclasses.replace(scanned.result, checkpoint=checkpoint))


def hostile_repair():
    result = example_repair(removed=False)
    attempts = tuple(dataclasses.replace(each, reason=HOSTILE_NAMES[0]) for each in result.attempts)
    return SimpleNamespace(result=dataclasses.replace(result, attempts=attempts))


def test_a_repair_says_the_outcome_and_the_rates_before_and_after():
    page = Elements(repair_html(SimpleNamespace(result=example_repair())))
    assert page.open == []
    assert page.text.startswith("✓ removed by unlearn label 4")
    assert "▸ after unlearn, removed" in page.text
    assert "as received0.98270.99890.00110.9996" in page.text
    assert "after unlearn, removed0.97910.00300.97120.00580.0613" in page.text
    failed = Elements(repair_html(SimpleNamespace(result=example_repair(removed=False))))
    assert failed.text.startswith("! not removed label 4")
    assert "▸" not in failed.text


def test_the_attacker_s_trigger_has_no_column_where_it_is_not_known():
    result = example_repair()
    attempts = tuple(dataclasses.replace(each, true_trigger_asr=None) for each in result.attempts)
    page = Elements(repair_html(SimpleNamespace(result=dataclasses.replace(result, attempts=attempts))))
    assert "attacker" not in page.text
    assert "as received0.98270.99890.00110.9984after" in page.text


def test_a_colour_trigger_is_a_colour_picture_and_the_same_bytes_each_time():
    scanned = example_scan(channels=3, size=(32, 48))
    png = trigger_png(scanned.masks[SUSPECT], scanned.patterns[SUSPECT])
    assert png == trigger_png(scanned.masks[SUSPECT], scanned.patterns[SUSPECT])
    assert np.asarray(Image.open(io.BytesIO(png))).shape == (128, 192, 3)


@pytest.mark.parametrize(
    ("value", "written"), [(None, "none"), (-0.01, "0.0"), (-1.26, "\N{MINUS SIGN}1.3"), (0.05, "0.1")]
)
def test_numbers_have_a_minus_sign_and_no_negative_zero(value, written):
    assert number(value, 1) == written


def test_a_panel_escapes_its_title_and_keeps_its_parts():
    source = panel("#000000", "<b>", "&", ["<p>part</p>"])
    assert "&lt;b&gt;" in source
    assert "&amp;" in source
    assert "<p>part</p>" in source


def test_a_large_trigger_of_noise_is_shrunk_and_a_small_one_enlarged():
    random = np.random.default_rng(0)
    for side, shown in ((28, 112), (512, 160)):
        mask = np.ones((1, side, side), dtype=np.float32)
        png = trigger_png(mask, random.random((3, side, side), dtype=np.float32))
        assert Image.open(io.BytesIO(png)).size == (shown, shown)
        assert len(png) < 100_000
