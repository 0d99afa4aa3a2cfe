"""The guards of the report: each holds for the study, and each is seen to fail on a mutant."""

import json
import shutil
from io import BytesIO

import pytest
from matplotlib.figure import Figure
from sample_report import sample_record, write_prose

from example_records import example_own_record, example_record
from trivet.errors import ReportError, UsageError
from trivet.report import write_report
from trivet.report.figures import available, pictures
from trivet.report.text import tree
from trivet.report.text.document import (
    REFERENCES,
    check_figures,
    check_macros,
    check_prose,
    make_document,
    take_sources,
)
from trivet.report.text.places import belongs
from trivet.report.text.tree import read_markdown
from trivet.report.text.values import make_value
from trivet.report.write.tex import macros_source, tex_source

EQUATIONS = 25
RESULTS = "51-results-security.md"


def mutant(prose, old, new, name=RESULTS):
    """The prose with one change; that the change takes place is part of the test."""
    changed = {**prose, name: prose[name].replace(old, new, 1)}
    assert changed != prose
    return changed


def parsed(prose):
    return read_markdown("\n\n".join(prose.values()))


def test_no_numeral_is_typed(study_prose):
    assert check_prose(parsed(study_prose)) == []


VALUE = '[]{v="security.published.asr.before" f=".4f"}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (VALUE, "0.9940"),
        ("# {#", "## Figure 4 {#"),
        (VALUE, "x²"),
        (VALUE, "½"),
        (VALUE, "[*9*]{.x}"),
        ("](security_before_after)", " 0.99](security_before_after)"),
        (VALUE, '"4"'),
    ],
)
def test_a_typed_numeral_is_found(study_prose, old, new):
    old = "## Sweep over the stamped fraction {#" if old == "# {#" else old
    complaints = check_prose(read_markdown(mutant(study_prose, old, new)[RESULTS]))
    assert any("typed digit" in complaint for complaint in complaints)


def test_a_typed_numeral_in_a_table_is_found(study_prose):
    prose = mutant(study_prose, '[]{v="fairness.published.baseline.accuracy"}', "0.8211", "60-tables.md")
    assert any("“0.8211”" in complaint for complaint in check_prose(read_markdown(prose["60-tables.md"])))


@pytest.mark.parametrize(
    "text",
    ["$x_1 = 2$", "`k10`", "[@first2000, Thm. 3]", '[]{v="labels.4.l1"}', "::: {.references}\n- 2000\n:::"],
)
def test_a_digit_may_stand_where_it_is_no_result(text):
    assert check_prose(read_markdown(text)) == []


def test_the_build_refuses_a_typed_numeral(study_record, study_prose):
    with pytest.raises(ReportError, match=rf"{RESULTS}:\d+: “0\.9940” has a typed digit"):
        make_document(study_record, {RESULTS: mutant(study_prose, VALUE, "0.9940")[RESULTS]})


def test_every_value_names_a_place(study_document):
    assert len(study_document.values) > 200
    assert all(value.raw is not None for value in study_document.values.values())


@pytest.mark.parametrize(
    "mistake",
    [
        "security.published.asr.befor",
        *(
            pytest.param(mistake, marks=pytest.mark.slow)
            for mistake in ("security.publishd.asr.before", "security.published.asr.0")
        ),
    ],
)
def test_a_value_without_a_place_is_found(study_record, study_prose, mistake):
    prose = mutant(study_prose, "security.published.asr.before", mistake)
    with pytest.raises(ReportError, match=rf"{RESULTS}:\d+: “{mistake}” .* in the record"):
        make_document(study_record, prose)


def test_every_value_and_condition_of_every_branch_names_a_place(own_record, study_prose):
    """Also what this record's conditions leave out, except an item's field, which its rows try."""
    tried = 0
    for node in tree.nodes_of(parsed(study_prose)["blocks"]):
        attributes = tree.attributes(node)
        if any(value == "@" or value.startswith(("@.", "@^.")) for _, value in attributes):
            continue
        belongs(own_record, attributes)
        if path := dict(attributes).get("v"):
            make_value(own_record, path, dict(attributes).get("f"))
            tried += 1
    assert tried > 400


def test_macros_used_are_macros_defined(study_document):
    tex, macros = tex_source(study_document, "figures"), macros_source(study_document.values)
    assert check_macros(tex, macros) == []
    first, second = sorted(study_document.values)[:2]
    assert check_macros(tex + r"\trivetNowhere{}", macros) == [r"\trivetNowhere is used and not defined."]
    assert check_macros(tex.replace(f"\\{first}{{}}", ""), macros) == [f"\\{first} is defined and not used."]
    assert check_macros(tex, macros + macros.splitlines()[1]) == [f"\\{first} is defined twice."]
    assert check_macros(tex, macros.replace(f"{{\\{second}}}", "{\\other}"))[0].startswith(
        f"\\{second} is used"
    )


def test_all_equations_are_present(study_document, study_record, study_prose):
    assert [target.kind for target in study_document.targets.values()].count("equation") == EQUATIONS
    prose = mutant(study_prose, "{#eq:asr}", "{.asr}", "20-theory.md")
    prose = {name: text.replace("[](#eq:asr)", "it") for name, text in prose.items()}
    lacking = make_document(study_record, prose)
    assert [target.kind for target in lacking.targets.values()].count("equation") == EQUATIONS - 1


def test_every_figure_of_the_table_is_in_the_prose_once(own_document):
    shown = tree.figures_of(own_document.blocks)
    there = {name: picture for name, picture in pictures(example_own_record()).items() if picture}
    assert [(figure.name, (figure.alt, figure.wide)) for figure in shown] == list(there.items())
    assert [figure.target.identifier for figure in shown] == [f"fig:{name}" for name in there]


def test_figures_exist_and_are_not_blank(study_report, tmp_path):
    names = [row.name for row in available(example_record())]
    folder = tmp_path / "figures"
    shutil.copytree(study_report.tex.parent / "figures", folder)
    assert check_figures(folder, names) == []
    (folder / "privacy_scenarios.pdf").unlink()
    (folder / "fairness_tradeoff.png").write_bytes(blank_png())
    assert check_figures(folder, names) == [
        f"The figure privacy_scenarios has no pdf in {folder}; draw it again.",
        f"The figure fairness_tradeoff in {folder} is blank; draw it again.",
    ]


def blank_png():
    content = BytesIO()
    Figure(figsize=(1, 1)).savefig(content, format="png")
    return content.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[](#eq:inversion)", "[](#eq:inversoin)", "“#eq:inversoin”.*Nearest: eq:inversion"),
        ("{#fig:security_scale_profile}", "{#fig:other}", "“#fig:security_scale_profile”"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("[](#fig:trigger_reconstructed)", "[](#fig:triger)", "“#fig:triger”"),
                ("[](#sec:correction-detection)", "[](#sec:nowhere)", "“#sec:nowhere”"),
            )
        ),
    ],
)
def test_a_reference_to_nothing_is_found(study_record, study_prose, old, new, complaint):
    with pytest.raises(ReportError, match=complaint):
        make_document(study_record, mutant(study_prose, old, new))


def test_every_source_is_cited(own_document, study_prose):
    blocks = parsed(study_prose)["blocks"]
    listed = next(node for node in tree.nodes_of(blocks) if "references" in tree.classes(node))
    spans = [node for node in tree.nodes_of(listed) if "key" in tree.classes(node)]
    keys = {span["c"][1][0]["c"] for span in spans}
    assert {source.key for source in own_document.sources} <= keys
    cites = [node["c"][0] for node in tree.nodes_of(blocks) if tree.kind(node) == "Cite"]
    cited = {citation["citationId"] for citations in cites for citation in citations}
    assert keys == cited
    begin = "::: {.references}"
    extra = mutant(study_prose, begin, f"{begin}\n- [idle2000]{{.key}} Idle.", REFERENCES)
    cited = take_sources(parsed({name: extra[name] for name in ("20-theory.md", REFERENCES)})["blocks"])[1]
    assert cited
    assert "idle2000" not in cited


@pytest.mark.parametrize("leg", ["security", "privacy", "fairness"])
def test_a_leg_that_was_left_out_leaves_no_hole(study_record, study_prose, leg):
    figures = {row.name for row in available(example_record()) if row.of.split(".")[0] == leg}
    only = {**study_record, **{other: None for other in ("security", "privacy", "fairness") if other != leg}}
    document = make_document(only, study_prose)
    assert all(value.text != "not measured" for value in document.values.values())
    assert {figure.name for figure in tree.figures_of(document.blocks)} == figures


def test_the_build_refuses_a_missing_figure(tmp_path, sample_figures):
    folder = tmp_path / "figures"
    shutil.copytree(sample_figures, folder)
    (folder / "picture.svg").unlink()
    with pytest.raises(ReportError, match=r"picture has no svg"):
        write_report(sample_record(), folder, tmp_path, templates=[write_prose(tmp_path / "prose")])


def test_two_builds_write_the_same_bytes(tmp_path, sample_figures, sample_prose):
    outputs = []
    for name in ("first", "second"):
        out = tmp_path / name
        shutil.copytree(sample_figures, out / "figures")
        files = write_report(sample_record(), out / "figures", out, engine="typst", templates=[sample_prose])
        outputs.append([path.read_bytes() for path in (files.tex, files.macros, files.pdf, files.html)])
    assert outputs[0] == outputs[1]


def test_a_folder_that_cannot_be_written_is_named(tmp_path, sample_figures, sample_prose):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(sample_record(), sample_figures, tmp_path / "file" / "out", templates=[sample_prose])


def test_the_record_is_all_that_the_prose_reads(study_record):
    assert json.loads(json.dumps(study_record, allow_nan=False)) == study_record
