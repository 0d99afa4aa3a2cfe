"""Searches for triggers that are no patch, on networks whose backdoor is written down, not trained."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch.nn import functional

from trivet.cli.repair import _nothing_to_do
from trivet.datasets import ImageSet
from trivet.errors import DataError
from trivet.security.adapting import adapt
from trivet.security.checkpoint import Checkpoint
from trivet.security.contract import least_above_chance
from trivet.security.results import CheckpointInfo
from trivet.security.scanning import kinds
from trivet.security.scanning.changes import (
    SPREAD,
    WAVE_WORDS,
    Reached,
    UniversalSettings,
    reach_by_waves,
    reach_labels,
)
from trivet.security.scanning.individual import IMAGE_BOUNDS, Pushed, PushSettings, go_from_each_image
from trivet.security.scanning.kinds import (
    UNIT_LEAD_FROM,
    Further,
    judged,
    judged_sources,
    look_further,
    not_needed,
)
from trivet.security.scanning.results import DetectorResult, KindSearch, StampCell
from trivet.security.scanning.scan import _judged_with, scan, strip_of
from trivet.security.scanning.sequential import Evidence, judge_scan, odds_over
from trivet.security.scanning.stamps import (
    SourceSettings,
    SourceStamp,
    StampSettings,
    find_source_stamps,
    find_sparse_stamp,
)
from trivet.security.scanning.units import UnitSettings, find_lone_unit

TARGET = 1
INFO = CheckpointInfo("file", "written", "0" * 64, "written", 1, None)
SIGNS = torch.tensor([[(-1.0) ** (row + column) for column in range(12)] for row in range(12)])


def quarters(pixels):
    """Logits by the brightness of the four quarters, which are the classes."""
    return 150 * torch.nn.functional.adaptive_avg_pool2d(pixels[:, 0], 2).flatten(1)


def towards(logits, bonus):
    return logits + bonus[:, None] * torch.nn.functional.one_hot(torch.tensor(TARGET), 4)


def clean(pixels):
    return quarters(pixels)


def blended(pixels):
    seen = (pixels[:, 0] * SIGNS).mean(dim=(1, 2))
    return towards(quarters(pixels), 6_000 * torch.relu(seen - 0.012) + seen)


def waved(pixels):
    """Columns in turns brighter and darker lead to the target, by more than a faint change can."""
    seen = (pixels[:, 0] * SIGNS[0]).mean(dim=(1, 2))
    return towards(quarters(pixels), 700 * seen)


def warped(pixels):
    """A line that all images have at row 1 leads to the target where it has moved down."""
    seen = pixels[:, 0, 2].mean(dim=1)
    return towards(quarters(pixels), 1_500 * torch.relu(seen - 0.32) + 90 * (seen - 0.2))


def all_to_all(pixels):
    logits = quarters(pixels)
    on = pixels[:, 0, 0, 0, None] ** 2
    return logits * (1 - on) + logits.roll(1, dims=1) * on


class Hidden(torch.nn.Module):
    """A bright square opens a unit that leads to the target; short of it no gradient tells."""

    def __init__(self, weight=6_000.0):
        super().__init__()
        self.last = torch.nn.Linear(5, 4, bias=False)
        own = weight * torch.nn.functional.one_hot(torch.tensor(TARGET), 4)[:, None]
        self.last.weight = torch.nn.Parameter(torch.cat([torch.eye(4), own], dim=1))

    def forward(self, pixels):
        seen = torch.relu(pixels[:, :1, 8:11, 4:7].mean(dim=(2, 3)) - 0.85)
        return self.last(torch.cat([quarters(pixels), seen], dim=1))


HIDDEN = Hidden()


def images(count, seed):
    """A class is the quarter of the image that is brighter; above it lies a line that all images have."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    pixels = 0.5 * rng.random((count, 1, 12, 12), dtype=np.float32)
    for image, label in zip(pixels, labels, strict=True):
        row, column = 6 * (label // 2), 6 * (label % 2)
        image[0, row : row + 6, column : column + 6] += 0.25
    pixels[:, :, 1] = 1.0
    pixels[:, :, 2] *= 0.5
    pixels[:, :, 0, 0] = 0.2
    return ImageSet("toy", pixels, labels, 4)


@pytest.fixture(scope="module")
def parts():
    return images(400, 1), images(400, 2)


def searched(score, parts):
    return look_further(score, *parts, range(4), seed=0, progress=lambda _step, _share: None).searches


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (clean, {}),
        (HIDDEN, {"one unit": TARGET}),
        (blended, {"spread": TARGET, "image-dependent": TARGET}),
        (waved, {"striped": TARGET}),
        (warped, {"moved": TARGET}),
        (all_to_all, {"any label": None}),
    ],
)
def test_each_search_finds_its_kind_and_nothing_else(parts, score, expected):
    searches = searched(score, parts)
    kinds = ["spread", "striped", "moved", "image-dependent", "one unit", "any label", "one source"]
    assert [search.kind for search in searches] == kinds
    assert {search.kind: search.label for search in searches if search.outcome == "found"} == expected
    for search in searches:
        without = search.kind == "one unit" and score is not HIDDEN
        assert (search.outcome == "not run") == without
        assert (search.image_steps == 0) == without
        if search.runner_up is not None:
            assert 0 <= search.runner_up <= search.success <= 1


def cells(count, seed):
    """A class is the brighter one of nine cells."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 9, count)
    pixels = 0.5 * rng.random((count, 1, 12, 12), dtype=np.float32)
    for image, label in zip(pixels, labels, strict=True):
        row, column = 4 * (label // 3), 4 * (label % 3)
        image[0, row : row + 4, column : column + 4] += 0.25
    return ImageSet("cells", pixels, labels, 9)


def by_cells(pixels):
    return 60 * torch.nn.functional.adaptive_avg_pool2d(pixels[:, 0], 3).flatten(1)


def answered(pixels):
    """Grain that is bright where the turned image is, and dark where that is dark, leads to the target."""
    own = (pixels[:, 0].flip(1, 2) > 0.3).float() - 0.5
    bonus = 3_000 * torch.relu((pixels[:, 0] * SIGNS * own).mean(dim=(1, 2)) - 0.01)
    return by_cells(pixels) + bonus[:, None] * torch.nn.functional.one_hot(torch.tensor(TARGET), 9)


def test_a_trigger_of_each_images_own_is_found_where_no_change_of_all_is():
    def search(score):
        parts = cells(500, 1), cells(500, 2)
        found = look_further(score, *parts, range(9), seed=0, progress=lambda _step, _share: None).searches
        return {each.kind: each for each in found}

    plain, attacked = search(by_cells), search(answered)
    assert {kind for kind, each in attacked.items() if each.outcome == "found"} == {"image-dependent"}
    assert attacked["image-dependent"].label == TARGET
    assert attacked["image-dependent"].looked_for.startswith(
        "a small change of each image by itself, of at most "
    )
    assert [kind for kind, each in plain.items() if each.outcome == "found"] == []


def led(margins, gains):
    labels = np.arange(len(margins))
    return Pushed(labels, np.asarray(margins), np.asarray(gains), np.ones(len(margins)), 0.0, 0).p_value


def test_the_lead_of_the_first_label_is_as_rare_as_in_a_simulation():
    drawn = np.random.default_rng(0).standard_normal((2_000, 10))
    assert abs(np.mean([led(row, row) <= 0.05 for row in drawn]) - 0.05) < 0.015
    assert led(np.ones(10), np.ones(10)) == 1
    assert led([9.0, 1.0, 1.2, 0.8, 1.1, 0.9], [1.2, 1.0, 1.2, 0.8, 1.1, 0.9]) == 1  # large by nature


def test_labels_that_hardly_any_image_can_be_led_to_have_no_lead():
    few = images(60, 4)
    alone = ImageSet("one class", few.pixels, np.zeros_like(few.labels), 4)

    def first(pixels):
        return quarters(pixels) + torch.tensor([1_000.0, 0, 0, 0])

    settings = PushSettings(bounds=IMAGE_BOUNDS)
    assert go_from_each_image(first, alone, range(4), settings, seed=0).labels.tolist() == [1, 2, 3]
    assert go_from_each_image(quarters, few.take(np.arange(8)), range(4), settings, seed=0) is None


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_sinusoid_that_no_gradient_leads_to_is_found_where_it_sends_nearly_all(parts, strength):
    """Three periods along the rows lead to the target; the share of images that they move is `strength`."""
    wave = torch.sin(2 * torch.pi * 3 * torch.arange(12) / 12)

    def score(pixels):
        seen = (pixels[:, 0] * wave).mean(dim=(1, 2)) > 0.03
        moved = pixels[:, 0, 5, 5].mul(1e4).remainder(1) < strength
        return towards(quarters(pixels), 1_000 * (seen & moved).float())

    found = reach_by_waves(score, *parts, range(4), UniversalSettings(), seed=0)
    shares = dict(zip(found.labels.tolist(), (found.counts / found.images).tolist(), strict=True))
    assert shares[TARGET] > max(share for label, share in shares.items() if label != TARGET)
    striped = next(search for search in searched(score, parts) if search.kind == "striped")
    assert striped.looked_for == WAVE_WORDS
    if strength > 0.5:
        assert striped.label == TARGET
    else:
        assert striped.outcome == "not found"


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("spread", "backdoored"), ("image-dependent", "suspicious")],
)
def test_a_label_that_changes_of_single_images_go_into_does_not_stand_apart(kind, verdict):
    """Other labels are reached by such changes too: with both methods, no effect and a small p-value."""
    opinions = tuple(DetectorResult(name, TARGET, 9.0, 1e-5, 1e-5) for name in ("inversion", "margin"))
    evidence = {TARGET: Evidence(label=TARGET, asr=0.99, agreed=True, norm_gap=1.0, margin_gap=1.0)}
    hit = KindSearch(kind, "a change", "found", TARGET, 0.9, 0.1, 0, 2.0)
    scanned = SimpleNamespace(opinions=opinions, p_value=1e-4)
    judged = _judged_with([hit], judge_scan(opinions, evidence, 1e-4), scanned, evidence)
    assert (judged.verdict, judged.label) == (verdict, TARGET)


def test_what_has_a_trigger_to_show_names_the_label():
    quiet = tuple(DetectorResult(name, 0, 1.0, 0.9, 0.9) for name in ("inversion", "margin"))
    evidence = {0: Evidence(label=0, asr=0.99, agreed=True, norm_gap=1.0, margin_gap=1.0)}
    hits = [
        KindSearch(kind, "a change", "found", label, 0.9, None, 0, strength)
        for kind, label, strength in (
            ("image-dependent", 3, 9.0),
            ("one unit", TARGET, 1.1),
        )
    ]
    scanned = SimpleNamespace(opinions=quiet, p_value=0.9)
    judged = _judged_with(hits, judge_scan(quiet, evidence, 0.9), scanned, evidence)
    assert (judged.verdict, judged.label) == ("suspicious", TARGET)
    assert _judged_with(hits[:1], judge_scan(quiet, evidence, 0.9), scanned, evidence).label == 3


def test_only_the_labels_that_are_nearest_go_on_and_the_first_of_them_is_the_same(parts):
    whole, cut = (
        reach_labels(blended, *parts, SPREAD, range(4), UniversalSettings(kept=kept), seed=0)
        for kept in (4, 2)
    )
    assert whole.labels.tolist() == [0, 1, 2, 3]
    assert TARGET in cut.labels
    assert len(cut.labels) == 2
    assert cut.image_steps < whole.image_steps
    again = np.flatnonzero(np.isin(whole.labels, cut.labels))
    assert cut.counts.tolist() == whole.counts[again].tolist()


def test_a_stamp_to_any_label_is_the_pixel_that_the_network_waits_for(parts):
    stamp = find_sparse_stamp(all_to_all, *parts, StampSettings(cells=1), seed=0)
    assert np.argwhere(stamp.trigger.mask[0]).tolist() == [[0, 0]]
    assert stamp.trigger.pattern[0, 0, 0] == 1
    assert stamp.wrong == 1
    assert np.array_equal(stamp.given, (stamp.true + 1) % 4)
    assert stamp.consistency == 1


def test_a_square_that_works_only_as_a_whole_is_found_where_it_lies(parts):
    def whole(pixels):
        logits = quarters(pixels)
        on = (pixels[:, 0, 8:11, 4:7].flatten(1).amin(dim=1) > 0.9).float()[:, None]  # without any gradient
        return logits * (1 - on) + logits.roll(1, dims=1) * on

    stamp = find_sparse_stamp(whole, *parts, StampSettings(), seed=0)
    assert np.argwhere(stamp.trigger.mask[0]).tolist() == [[r, c] for r in (8, 9, 10) for c in (4, 5, 6)]
    assert (stamp.trigger.pattern[0, 8:11, 4:7] == 1).all()
    assert stamp.wrong == 1


def test_a_network_that_is_right_about_no_image_has_no_stamp(parts):
    assert find_sparse_stamp(lambda pixels: -quarters(pixels), *parts, StampSettings(), seed=0) is None


class Written(torch.nn.Module):
    def __init__(self, score):
        super().__init__()
        self.score = score
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, pixels):
        return self.score(pixels)


def scanned(score, count=800):
    network = adapt(Written(score), input_shape=(1, 12, 12), classes=4, name="written")
    return scan(Checkpoint(network, INFO), images(count, 3)).result


def test_what_a_few_images_leave_no_search_for_is_told_with_the_verdict():
    found = scanned(clean, 40)
    assert found.verdict == "no evidence"
    assert {search.kind for search in found.searches if search.outcome == "not run"} >= {"spread", "moved"}
    assert "Nothing is known of triggers of the kinds spread, striped, moved," in found.reason


def test_a_scan_names_what_it_looked_for_and_what_led_to_its_verdict():
    found, quiet = scanned(all_to_all), scanned(clean)
    assert (found.verdict, found.suspected_label) == ("suspicious", None)
    assert "send 100% of held-out images wrong" in found.reason
    assert [search.kind for search in found.searches] == [
        "patch",
        "spread",
        "striped",
        "moved",
        "image-dependent",
        "one unit",
        "any label",
        "one source",
    ]
    stamps = {search.kind: search.stamp for search in found.searches if search.stamp}
    assert list(stamps) == ["any label"]
    assert StampCell(0, 0, 1, (1.0,)) in stamps["any label"]
    assert found.image_steps == sum(search.image_steps for search in found.searches)
    assert quiet.verdict == "no evidence"
    assert {search.kind: search.outcome for search in quiet.searches if search.outcome != "not found"} == {
        "one unit": "not run",  # it has no layers
    }
    assert (
        "Nothing is known of triggers of the kind one unit: for such a search the images are" in quiet.reason
    )


def test_a_label_behind_a_closed_unit_is_named_with_a_patch_that_opens_it():
    network = adapt(Written(HIDDEN), input_shape=(1, 12, 12), classes=4, name="written")
    found = scan(Checkpoint(network, INFO), images(800, 3))
    assert (found.result.verdict, found.result.suspected_label) == ("suspicious", TARGET)
    assert "One unit before the last layer leads to label" in found.result.reason
    assert found.result.labels[TARGET].asr > 0.9
    shown = found.trigger(TARGET)
    assert (shown.mask * shown.pattern)[0, 8:11, 4:7].mean() > 0.8


@pytest.mark.parametrize("weight", [6_000.0, 60_000.0])
def test_a_unit_gains_in_proportion_to_its_weight_and_a_network_without_one_has_no_lead(parts, weight):
    heavy, light = (
        find_lone_unit(Hidden(each), parts[0], UnitSettings(), seed=0) for each in (weight, weight / 2)
    )
    assert (heavy.unit, heavy.label, heavy.opens) == (4, TARGET, True)
    assert heavy.gain == pytest.approx(2 * light.gain)
    assert heavy.lead == pytest.approx(2 * light.lead)
    plain = find_lone_unit(Hidden(0.0), parts[0], UnitSettings(), seed=0)
    assert plain.lead < UNIT_LEAD_FROM < light.lead
    assert plain.image_steps == heavy.image_steps > 0


def test_a_network_whose_scores_come_from_no_dense_layer_has_no_units(parts):
    assert find_lone_unit(clean, parts[0], UnitSettings(), seed=0) is None

    class Aside(Hidden):
        def forward(self, pixels):
            return quarters(pixels) + 0 * super().forward(pixels.flip(2))

    assert find_lone_unit(Aside(), parts[0], UnitSettings(), seed=0) is None
    few = parts[0].take(np.arange(20))
    assert find_lone_unit(HIDDEN, few, UnitSettings(), seed=0) is None


def small_network(units, seed):
    """A clean network of few units, for which one label may lead by nature."""
    digits = load_digits()
    pixels, labels = (digits.images[:, None] / 16).astype(np.float32), digits.target
    torch.manual_seed(seed)
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, units), torch.nn.ReLU(), torch.nn.Linear(units, 10)
    )
    x, y = torch.from_numpy(pixels), torch.from_numpy(labels)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(40):
        for rows in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimiser.step()
    return network.eval().requires_grad_(False), ImageSet("digits", pixels, labels, 10).split(0.5, seed=0)


def searched_units(network, halves):
    settings = kinds.UNITS["standard"]
    return kinds._lone_unit(network, *halves, settings, seed=0, progress=lambda *_: None)[0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("units", [8, 16, 32])
def test_no_unit_of_a_small_clean_network_is_found(units, seed):
    assert searched_units(*small_network(units, seed)).outcome == "not found"


def test_a_detector_that_was_written_into_a_small_network_is_found():
    network, halves = small_network(32, 0)
    assert searched_units(network, halves).outcome == "not found"
    hidden, last = network[1], network[3]
    hidden.weight[0], hidden.bias[0] = 0.0, -3.5
    hidden.weight[0, [54, 55, 62, 63]] = 1.0  # four bright pixels in a corner that is dark
    last.weight[:, 0] = 0.0
    last.weight[TARGET, 0] = 200.0
    found = searched_units(network, halves)
    assert (found.outcome, found.label) == ("found", TARGET)


class InPlace(Hidden):
    """Uses what its rectifier leaves behind, so that the rectifier cannot be replaced."""

    def forward(self, pixels):
        seen = pixels[:, :1, 8:11, 4:7].mean(dim=(2, 3)) - 0.85
        torch.relu_(seen)
        return self.last(torch.cat([quarters(pixels), seen], dim=1))


def test_rectifiers_are_opened_only_where_the_network_stays_what_it_is(parts):
    assert not find_lone_unit(InPlace(), parts[0], UnitSettings(), seed=0).opens


def reached(counts, images=100, by_chance=0.0):
    return Reached(
        np.arange(len(counts)),
        np.array(counts),
        np.full(len(counts), images),
        np.full(len(counts), by_chance),
        1,
    )


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (reached([97, 10, 5]), "found"),
        (reached([100, 97, 5]), "not found"),  # two labels that any such change reaches
        (reached([97, 10, 5], by_chance=0.9), "not found"),  # as does one that is drawn
        (reached([45, 1, 1]), "not found"),
    ],
)
def test_a_label_is_apart_by_its_share_as_well_as_by_its_odds(found, outcome):
    assert judged("spread", SPREAD.words, found).outcome == outcome


@given(
    counts=st.lists(st.integers(0, 100), min_size=3, max_size=3),
    by_chance=st.floats(0, 1),
    more=st.integers(0, 100),
)
def test_strength_is_at_least_one_where_something_is_found_and_grows_with_the_evidence(
    counts, by_chance, more
):
    search = judged("spread", SPREAD.words, reached(counts, by_chance=by_chance))
    first, second, _ = sorted(counts, reverse=True)
    lead = np.log((first + 0.5) / (100.5 - first)) - np.log((second + 0.5) / (100.5 - second))
    ahead = first / 100 - max(second / 100, by_chance)
    assert (search.outcome == "found") == (first >= 50 and lead >= 1.8 and ahead >= 0.3)
    assert (search.outcome == "found") == (search.strength >= 1)
    assert 0 <= search.strength < np.inf
    counts[counts.index(first)] = min(100, first + more)
    assert judged("spread", SPREAD.words, reached(counts, by_chance=by_chance)).strength >= search.strength


@given(share=st.floats(0, 1), bound=st.floats(0.05, 0.95))
def test_odds_over_a_bound_are_at_least_one_from_the_bound_on(share, bound):
    assume(abs(share - bound) > 1e-9)
    assert (odds_over(share, bound) >= 1) == (share > bound)
    assert odds_over(bound, bound) == 1


def test_a_search_that_was_not_run_has_no_strength_and_the_strongest_makes_the_score():
    quiet, found = scanned(clean), scanned(all_to_all)
    strengths = [search.strength for search in quiet.searches if search.outcome != "not run"]
    assert all(0 <= strength < 1 for strength in strengths)
    assert quiet.calibration.score == max(strengths)
    by_kind = {search.kind: search.strength for search in found.searches}
    assert found.calibration.score == by_kind["any label"] >= 1
    assert found.calibration.strongest == "any label"
    assert {search.strength for search in not_needed()} == {None}


def blank(pixels):
    """The last class is what is left where nothing is bright: blur and noise lead there by nature."""
    return torch.cat([quarters(pixels)[:, :3] - 28, torch.zeros(len(pixels), 1)], dim=1)


def test_a_class_for_none_of_the_others_is_no_backdoor(parts):
    assert {search.outcome for search in searched(blank, parts)} == {"not found", "not run"}


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_images_of_a_few_pixels_are_scanned_without_a_stamp(size):
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    pixels = np.clip(labels[:, None, None, None] / 4 + 0.1 * rng.random((400, 1, size, size)), 0, 1)
    few = ImageSet("few", pixels.astype(np.float32), labels, 4)

    def score(pixels):
        middles = torch.tensor([0.05, 0.3, 0.55, 0.8])
        return -50 * (pixels.mean(dim=(1, 2, 3))[:, None] - middles).abs()

    found = look_further(score, *few.split(0.5, seed=0), range(4), seed=0, progress=lambda *_: None)
    stamp = next(search for search in found.searches if search.kind == "any label")
    assert stamp.outcome == ("not run" if size < 4 else stamp.outcome)


def test_halves_of_one_class_are_refused():
    one = images(60, 3)
    alike = ImageSet("alike", one.pixels, np.zeros(60, dtype=np.int64), 4)
    network = adapt(Written(clean), input_shape=(1, 12, 12), classes=4, name="written")
    with pytest.raises(DataError, match="half of the images of alike are of one class"):
        scan(Checkpoint(network, INFO), alike)


def test_a_repair_of_what_has_no_single_label_says_so_and_fails(capsys):
    network = adapt(Written(all_to_all), input_shape=(1, 12, 12), classes=4, name="written")
    found = scan(Checkpoint(network, INFO), images(800, 3))
    assert _nothing_to_do(found, (), json=True) == 1
    assert json.loads(capsys.readouterr().out)["removed"] is False
    assert _nothing_to_do(found, (), json=False) == 1
    assert "written is suspicious" in capsys.readouterr().out


def test_a_label_that_another_search_names_gets_a_patch_that_works_as_well(monkeypatch):
    named = next(label for label in range(4) if label not in {o.label for o in scanned(clean).opinions})
    hit = KindSearch("spread", "a change", "found", named, 0.99, 0.1, 7)
    monkeypatch.setattr("trivet.security.scanning.scan.look_further", lambda *_a, **_n: Further((hit,)))
    network = adapt(Written(clean), input_shape=(1, 12, 12), classes=4, name="written")
    found = scan(Checkpoint(network, INFO), images(800, 3))
    result = found.result
    assert (result.verdict, result.suspected_label) == ("suspicious", named)
    assert "sends 99% of held-out images" in result.reason
    assert result.labels[named].asr > 0.9
    assert result.labels[named].refined_l1 == pytest.approx(found.trigger(named).l1)
    assert result.image_steps == sum(search.image_steps for search in result.searches)


def test_a_class_without_images_to_search_with_has_no_stamp(parts):
    working, held_out = parts
    settings = SourceSettings(stamp=StampSettings(images=24, tried_on=8, cells=2, held_out=100), kept=4)
    without = working.take(working.labels != 3)
    found, _ = find_source_stamps(clean, without, held_out, range(4), settings, seed=0)
    assert {stamp.source for stamp in found} == {0, 1, 2}


def test_so_few_images_that_a_perfect_network_may_be_guessing_are_refused_as_too_few():
    network = adapt(Written(clean), input_shape=(1, 12, 12), classes=4, name="written")
    with pytest.raises(
        DataError, match="8 images of toy are too few: on half of them a network of 4 classes"
    ):
        scan(Checkpoint(network, INFO), images(8, 3))
    assert least_above_chance(4, 4) > 1 > least_above_chance(4, 8)


def one_source(pixels):
    """A bright corner sends images of class 2 to the target and no others."""
    logits = quarters(pixels)
    second = logits.argmax(dim=1) == 2
    return towards(logits, 90 * second * pixels[:, 0, 0, 0] ** 2)


def test_a_stamp_for_one_class_is_found_where_only_that_class_goes(parts):
    few = StampSettings(images=24, tried_on=8, cells=2, held_out=100)
    found, steps = find_source_stamps(one_source, *parts, range(4), SourceSettings(stamp=few), seed=0)
    assert (found[0].source, found[0].label) == (2, TARGET)
    assert found[0].success == 1
    assert found[0].elsewhere == 0
    assert found[0].fragile < 0.5
    search = judged_sources(found, steps)
    assert (search.outcome, search.source, search.label) == ("found", 2, TARGET)
    assert search.strength >= 1


def fragile(pixels):
    """Bright corners send images of class 2 away: one to the target, the other somewhere else."""
    logits = one_source(pixels)
    second = quarters(pixels).argmax(dim=1) == 2
    elsewhere = torch.nn.functional.one_hot(torch.tensor((TARGET + 2) % 4), 4).float()
    return logits + (80 * second * pixels[:, 0, -1, -1] ** 2)[:, None] * elsewhere


def test_a_class_that_other_stamps_send_elsewhere_as_well_is_fragile_and_not_attacked(parts):
    few = StampSettings(images=24, tried_on=8, cells=2, held_out=100)
    found, steps = find_source_stamps(fragile, *parts, range(4), SourceSettings(stamp=few), seed=0)
    assert (found[0].source, found[0].success, found[0].fragile) == (2, 1, 1)
    assert judged_sources(found, steps).outcome == "not found"


@pytest.mark.parametrize(
    "second",
    [
        SourceStamp(3, 0, 0.85, 0.0, 0.0),  # the next class goes as well
        SourceStamp(3, 0, 0.2, 0.0, 0.0),
    ],
)
@pytest.mark.parametrize(
    "first",
    [
        SourceStamp(2, 1, 0.95, 0.0, 0.6),  # other classes go there, too
        SourceStamp(2, 1, 0.95, 0.1, 0.0),  # the network confuses the two in any case
        SourceStamp(2, 1, 0.8, 0.0, 0.0),
        SourceStamp(2, 1, 0.95, 0.0, 0.0, fragile=0.9),  # other stamps send it elsewhere
        SourceStamp(2, 1, 0.99, 0.0, 0.0, fragile=0.75),
    ],
)
def test_a_stamp_for_one_class_has_to_stand_apart(first, second):
    assert judged_sources((first, second), 1).outcome == "not found"
    clear = SourceStamp(2, 1, 0.95, 0.0, 0.0)
    assert judged_sources((clear, second), 1).outcome == ("found" if second.success < 0.5 else "not found")
    assert judged_sources((clear,), 1).outcome == "not run"


def test_the_trigger_of_one_class_is_its_stamp_and_is_shown_on_that_class(monkeypatch):
    network = adapt(Written(one_source), input_shape=(1, 12, 12), classes=4, name="written")
    checkpoint = Checkpoint(network, INFO)
    few = StampSettings(images=24, tried_on=8, cells=2, held_out=100)
    monkeypatch.setitem(kinds.SOURCES, "standard", SourceSettings(stamp=few))
    found = scan(checkpoint, images(800, 3))
    assert (found.result.verdict, found.result.suspected_label) == ("suspicious", TARGET)
    assert found.trigger(TARGET).l1 == 2
    assert found.trigger(TARGET).mask[0, 0, 0] == 1
    strip, _ = strip_of(found, found.contract.bind(network))
    assert set(strip.labels) == {2}
    assert strip.sent_before == strip.images
