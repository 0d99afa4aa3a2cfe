"""Pages and pictures of plans and audits of the user's own: true, legible, and with nothing that runs."""

import dataclasses

import pytest
from drawn_texts import assert_texts_are_legible, drawn_texts
from page_elements import Page, assert_is_drawn_within_its_edges, rows_of
from undrawn_pages import write_undrawn

from example_privacy import (
    HOSTILE,
    example_code,
    example_mechanism,
    example_membership,
    example_plan,
    example_training,
    group,
    hostile_membership,
    without_canaries,
)
from trivet.errors import UsageError
from trivet.report.figures.plans import (
    alt_plan_curves,
    alt_plan_noise,
    draw_plan_curves,
    draw_plan_noise,
    draw_training_curves,
)
from trivet.report.figures.privacy_audits import (
    MOST_GROUPS,
    alt_exposure,
    alt_mechanisms,
    alt_membership_roc,
    draw_code,
    draw_exposure,
    draw_mechanisms,
    draw_membership_roc,
)
from trivet.report.pages import CODE, MECHANISM, MEMBERSHIP, PLAN, TRAINING, write_page
from trivet.wording import noise_name

CASES = {
    "plan": (PLAN, example_plan),
    "mixed plan": (PLAN, lambda: example_plan(mixed=True, group=3, name=HOSTILE)),
    "pure plan": (PLAN, lambda: example_plan(pure=True)),
    "training": (TRAINING, example_training),
    "one training": (TRAINING, lambda: example_training(sampling="poisson")),
    "consistent": (MECHANISM, example_mechanism),
    "violates": (
        MECHANISM,
        lambda: example_mechanism(violates=True, name=f"m:{HOSTILE}", text=HOSTILE),
    ),
    "exposed": (MEMBERSHIP, example_membership),
    "no evidence": (
        MEMBERSHIP,
        lambda: without_canaries(example_membership(exposed=False, groups=())),
    ),
    "hostile": (MEMBERSHIP, hostile_membership),
    "code": (CODE, example_code),
    "hostile code": (CODE, lambda: example_code(violates=True, name=f"m:{HOSTILE}", text=HOSTILE)),
}


#: Every figure of a page, with the longest texts; of the other pages the words are looked at.
DRAWN = {"mixed plan", "training", "violates", "exposed", "hostile", "hostile code"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    return {
        case: (write_page if case in DRAWN else write_undrawn)(page, make(), folder / case)
        for case, (page, make) in CASES.items()
    }


@pytest.fixture(scope="module")
def pages(written):
    return {case: files[0].read_text(encoding="utf-8") for case, files in written.items()}


def test_the_page_comes_first_and_the_pictures_that_belong_to_it(written):
    names = {case: [path.name for path in files if path.suffix != ".svg"] for case, files in written.items()}
    curves = ["privacy_plan_noise.png", "privacy_plan_curves.png"]
    assert names["plan"] == names["mixed plan"] == names["pure plan"] == ["plan.html", *curves]
    assert names["violates"] == ["mechanism.html", "privacy_mechanisms.png"]
    roc = ["membership.html", "privacy_membership_roc.png"]
    assert names["no evidence"] == roc
    assert names["code"] == ["code.html", "privacy_code.png"]
    assert names["exposed"] == [*roc, "privacy_membership_groups.png"]


@pytest.mark.slow
def test_pictures_of_an_earlier_result_are_removed(tmp_path):
    write_page(MEMBERSHIP, example_membership(), tmp_path)
    assert (tmp_path / "figures" / "privacy_membership_groups.png").exists()
    write_page(MEMBERSHIP, example_membership(groups=()), tmp_path)
    assert not (tmp_path / "figures" / "privacy_membership_groups.png").exists()


@pytest.mark.slow
def test_the_same_result_gives_the_same_bytes(written, tmp_path):
    for case in ("mixed plan", "violates", "hostile"):
        page, make = CASES[case]
        for path, other in zip(write_page(page, make(), tmp_path / case), written[case], strict=True):
            assert path.read_bytes() == other.read_bytes(), path.name


def test_nothing_on_a_page_runs_or_comes_from_elsewhere(pages):
    for source in pages.values():
        page = Page(source)
        assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "form", "img"}
        for _, attributes in page.elements:
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("href", "#").startswith(("#", "data:text/csv;"))
        ids = page.ids()
        assert len(ids) == len(set(ids))
        assert "\x1b" not in source
        assert "\u202e" not in source


@pytest.mark.parametrize("case", ["mixed plan", "violates", "hostile", "hostile code"])
def test_a_strangers_text_is_shown_as_text(pages, case):
    assert '<script>alert("x")</script>' in Page(pages[case]).text
    assert pages[case].count("<script") == 1


def test_the_plan_s_table_has_every_row_and_the_reasons(pages):
    plan = example_plan()
    rows = rows_of(pages["plan"], "tbl:own-rows")
    assert len(rows) == len(plan.rows)
    for shown, row in zip(rows, plan.rows, strict=True):
        reason = "" if row.applicable else f"; not applicable: {row.reason}"
        assert shown[:3] == [noise_name(row.mechanism), f"{row.name}{reason}", row.source]
        assert shown[4] == (f"{row.scale:.5g}" if row.applicable else "")
    assert 'id="tbl:own-mixed-rows"' not in pages["plan"]


def test_a_mixed_plan_names_the_noise_of_each_query(pages):
    plan = example_plan(mixed=True, group=3, name=HOSTILE)
    rows = rows_of(pages["mixed plan"], "tbl:own-recommended")
    assert [row[0] for row in rows[1:]] == ["total income", "households"]
    assert rows[2][2] == f"{plan.recommended.queries[2].scale:.5g}"
    assert f"groups of {plan.group}" in " ".join(Page(pages["mixed plan"]).text.split())
    assert 'id="tbl:own-rows"' not in pages["mixed plan"]


def test_without_delta_there_is_no_curve_of_delta(pages):
    assert "Below, how small" in " ".join(Page(pages["plan"]).text.split())
    assert "Below, how small" not in " ".join(Page(pages["pure plan"]).text.split())
    assert len(draw_plan_curves(example_plan()).axes) == 2
    assert len(draw_plan_curves(example_plan(pure=True)).axes) == 1


def test_the_mechanism_s_verdict_and_events_are_told(pages):
    audit = example_mechanism()
    assert rows_of(pages["consistent"], "tbl:own-mechanisms")[0][3:5] == ["0.940", "consistent"]
    events = rows_of(pages["consistent"], "tbl:events")
    assert [row[0] for row in events] == [found.family for found in audit.findings]
    assert events[0][2:4] == ["54.420 %", "20.576 %"]
    assert "54.420\N{NO-BREAK SPACE}%" in Page(pages["consistent"]).text


def test_the_attacks_and_the_groups_are_told(pages):
    audit = example_membership()
    attacks = rows_of(pages["exposed"], "tbl:own-attacks")
    assert [row[:2] for row in attacks] == [
        [attack.attack, f"{attack.auroc.value:.4f}"] for attack in audit.attacks
    ]
    groups = rows_of(pages["exposed"], "tbl:own-groups")
    assert [row[1] for row in groups] == ["Female", "Male", "other"]
    assert groups[2][4:6] == ["not measured", "only 3 non-members"]
    assert "at least 1.200" in " ".join(Page(pages["exposed"]).text.split())
    for left_out in ("tbl:own-groups", "sec:own-canaries"):
        assert left_out not in pages["no evidence"]


def test_the_pictures_are_not_blank_and_do_not_run_over_their_edges(written):
    for case in DRAWN:
        pictures = [path for path in written[case] if path.suffix == ".png"]
        assert pictures
        for path in pictures:
            assert_is_drawn_within_its_edges(path)


def many_groups():
    return example_membership(groups=tuple(group(f"group {i}", 0.001 * i) for i in range(60)))


FIGURES = {
    "noise": lambda: draw_plan_noise(example_plan()),
    "mixed noise": lambda: draw_plan_noise(example_plan(mixed=True, group=3, name=HOSTILE)),
    "curves": lambda: draw_plan_curves(example_plan()),
    "mixed curves": lambda: draw_plan_curves(example_plan(mixed=True, group=3, name=HOSTILE)),
    "pure curves": lambda: draw_plan_curves(example_plan(pure=True)),
    "training": lambda: draw_training_curves(example_training()),
    "one training": lambda: draw_training_curves(example_training(sampling="poisson")),
    "mechanism": lambda: draw_mechanisms([example_mechanism()]),
    "broken mechanism": lambda: draw_mechanisms([example_mechanism(violates=True)]),
    "mechanisms": lambda: draw_mechanisms(
        [example_mechanism(), example_mechanism(violates=True, name=f"m:{HOSTILE}")]
    ),
    "roc": lambda: draw_membership_roc(example_membership()),
    "roc without evidence": lambda: draw_membership_roc(example_membership(exposed=False)),
    "groups": lambda: draw_exposure(example_membership()),
    "many groups": lambda: draw_exposure(many_groups()),
    "hostile groups": lambda: draw_exposure(hostile_membership()),
    "code": lambda: draw_code([example_code(violates=True)]),
    "pieces of code": lambda: draw_code([example_code(), example_code(violates=True, name=f"m:{HOSTILE}")]),
    "no groups measured": lambda: draw_exposure(example_membership(groups=(group("a", None),))),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_text_of_a_picture_can_be_read(name):
    assert_texts_are_legible(FIGURES[name]())


def test_a_picture_has_the_numbers_of_its_result():
    plan = example_plan()
    texts = [text for text, _ in drawn_texts(draw_plan_noise(plan))]
    assert f"{plan.recommended.typical_deviation:.4g}" in texts
    assert "294.9" in alt_plan_noise(plan)
    assert str(plan.curves.repeats[-1]) in alt_plan_curves(plan)
    assert "7.89 of 1" in alt_mechanisms([example_mechanism(violates=True)])
    assert "gender Female: 0.0600" in alt_exposure(example_membership())
    assert "lira-online: area 0.6000" in alt_membership_roc(example_membership())


def test_of_many_groups_the_most_exposed_are_drawn():
    texts = [text for text, _ in drawn_texts(draw_exposure(many_groups()))]
    assert "gender: group 59" in texts
    assert "gender: group 0" not in texts
    assert sum(text.startswith("gender") for text in texts) == MOST_GROUPS


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(PLAN, dataclasses.replace(example_plan(), curves=None), tmp_path / "file" / "out")
