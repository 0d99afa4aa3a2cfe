"""The document: conditions, numbers, references and values, before any output format."""

import pytest
from sample_report import SAMPLE_PROSE, sample_record

from trivet.errors import ReportError
from trivet.report.text import tree
from trivet.report.text.document import make_document, read_templates, roman, words
from trivet.report.text.places import MOST_ROWS, belongs, spell_estimates
from trivet.report.verdicts import verdicts
from trivet.verdict import TONES


def of_kind(document, wanted):
    found = []
    tree.walk(document.blocks, lambda node: found.append(node) if isinstance(node, wanted) else None)
    return found


def paragraphs(document):
    return [words(node["c"]) for node in tree.nodes_of(document.blocks) if tree.kind(node) == "Para"]


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.5, 0.4, 0.6, "0.5 (0.4 to 0.6); 0.4 to 0.6."),
        (0.5, 0.4, None, "0.5 (from 0.4); from 0.4."),
        (0.5, None, 0.6, "0.5 (up to 0.6); up to 0.6."),
        (None, 0.4, 0.6, "undefined (0.4 to 0.6); 0.4 to 0.6."),
    ],
)
def test_an_estimate_is_written_with_the_ends_that_it_has(value, low, high, shown):
    prose = spell_estimates('[]{estimate="rate" f=".1f"}; []{interval="rate." f=".1f"}.')
    (told,) = paragraphs(made(prose, rate={"value": value, "low": low, "high": high}))
    assert told.replace("\N{NO-BREAK SPACE}", " ") == shown


def made(body, **more):
    return make_document({**sample_record(), **more}, {"body.md": body})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (("when", "sound"), True),
        (("when", "faulty"), False),
        (("unless", "faulty"), True),
        (("when", "measured.missing"), False),
        (("unless", "measured.missing"), True),
        (("when", "measured.label"), True),  # zero is there
        (("when", "measured.label=0"), True),
        (("when", "measured.name = plain"), True),
        (("when", "sound=true"), True),
        (("when", "security"), False),
        (("when", "security.scan.verdict=backdoored"), False),
        (("unless", "security.scan.verdict=backdoored"), True),
        (("when", "sound; measured.share=0.2"), True),
        (("when", "sound; faulty"), False),
        (("when", "rows[name=second].value=-0.5"), True),
        (("when", "rows[name=second].good"), False),
        (("when", "rows.*.good"), True),
        (("unless", "rows.*.good"), False),
        (("when", "rows.*.name=second"), True),
        (("when", "rows.*.name=third"), False),
        (("when", "measured.missing.*.name"), False),
    ],
)
def test_a_condition_holds_or_not(condition, holds):
    assert belongs(sample_record(), [condition]) is holds


def test_everything_is_numbered_in_order(sample_document):
    assert {name: target.text for name, target in sample_document.targets.items()} == {
        "sec:first": "Section\u00a0I",
        "eq:one": "(1)",
        "eq:two": "(2)",
        "sec:inner": "Section\u00a0I-A",
        "fig:picture": "Fig.\u00a01",
        "fig:landscape": "Fig.\u00a02",
        "tbl:rows": "Table\u00a0I",
        "tbl:wrapped": "Table\u00a0II",
        "sec:more": "Appendix\u00a0A",
    }


def test_sections_follow_the_scheme_of_ieee():
    document = made("# A\n\n## B\n\n### C\n\n### D\n\n## E\n\n# F {.unnumbered}\n\n# G {.appendix}\n\n## H\n")
    labels = [(section.label, words(section.title)) for section in of_kind(document, tree.Section)]
    assert labels == [
        ("I.", "A"),
        ("A.", "B"),
        ("1)", "C"),
        ("2)", "D"),
        ("B.", "E"),
        ("", "F"),
        ("Appendix A", "G"),
        ("A.", "H"),
    ]
    assert document.targets["d"].number == "I-A2"
    assert document.targets["h"].number == "A-A"


def test_roman_numerals():
    assert [roman(count) for count in (1, 4, 9, 13, 14, 40, 99)] == [
        "I",
        "IV",
        "IX",
        "XIII",
        "XIV",
        "XL",
        "XCIX",
    ]


def test_sources_are_numbered_as_they_are_cited_and_left_out_otherwise(sample_document):
    assert [(source.number, source.key) for source in sample_document.sources] == [
        (1, "second2001"),
        (2, "first2000"),
    ]


def test_what_a_condition_excludes_leaves_no_hole(sample_document):
    text = "\n".join(paragraphs(sample_document))
    assert "It is sound. No fault." in text
    assert "faulty" not in text
    lists = [node for node in tree.nodes_of(sample_document.blocks) if tree.kind(node) == "BulletList"]
    assert [len(node["c"]) for node in lists] == [1]


def test_a_row_stands_for_every_item(sample_document):
    table = of_kind(sample_document, tree.Table)[0]
    assert [[words(cell) for cell in row] for row in table.rows] == [
        ["first", "0.2500", "yes"],
        ["second", "\N{MINUS SIGN}0.5000", ""],
        ["last & least", "not measured", ""],
    ]
    assert table.align == ("left", "right", "center")


HOUSES = [
    {"name": "red", "rooms": [{"name": "hall", "big": True}, {"name": "loft", "big": False}]},
    {"name": "blue", "rooms": []},
    {"name": "old", "rooms": None},
    {"name": "new", "rooms": [{"name": "den", "big": True}]},
]


def test_a_row_stands_for_every_item_of_every_list():
    body = """
::: {each="houses.*.rooms"}
| House | Room |
|:------|:-----|
| []{v="@^.name"} | []{v="@.name"} |
| [[]{v="@^.name"} again]{when="@.big"} | [once more]{unless="@^.rooms"} |

: Rooms. {#tbl:rooms}
:::"""
    (table,) = of_kind(made(body, houses=HOUSES), tree.Table)
    assert [[words(cell) for cell in row] for row in table.rows] == [
        ["red", "hall"],
        ["red", "loft"],
        ["new", "den"],
        ["red again", ""],
        ["new again", ""],
    ]


def test_an_item_of_a_list_stands_for_every_item_and_an_empty_list_is_gone():
    body = '::: {each="houses"}\n- [big]{when="@.rooms"} []{v="@.name"}\n- the last\n:::'
    document = made(body, houses=HOUSES)
    (items,) = (node["c"] for node in tree.nodes_of(document.blocks) if tree.kind(node) == "BulletList")
    assert [words(item[0]["c"]) for item in items] == ["big red", " blue", " old", "big new", "the last"]
    nothing = made('::: {each="houses"}\n- [[]{v="@.name"}]{when="faulty;@.name"}\n:::', houses=HOUSES)
    assert not nothing.blocks


def test_a_long_table_is_as_long_as_it_is_or_as_a_printed_page():
    body = '::: {each="long"}\n| A | B |\n|:--|--:|\n| []{v="@"} | x |\n\n: C. {#tbl:long}\n:::'
    for length, shown in ((MOST_ROWS, MOST_ROWS), (MOST_ROWS + 1, MOST_ROWS), (500, MOST_ROWS)):
        record = {**sample_record(), "long": list(range(length))}
        (whole,) = of_kind(make_document(record, {"body.md": body}), tree.Table)
        (short,) = of_kind(make_document(record, {"body.md": body}, whole=False), tree.Table)
        assert len(whole.rows) == length
        assert len(short.rows) == shown
        left_out = length - shown + 1
        last = [words(cell) for cell in short.rows[-1]]
        assert last == ([f"… and {left_out} more", ""] if length > shown else [str(length - 1), "x"])


def test_only_what_does_not_fit_is_wrapped(sample_document):
    narrow, long = of_kind(sample_document, tree.Table)
    assert not any(narrow.stretch)
    assert any(long.stretch)


def test_an_equation_belongs_to_the_paragraph_that_it_continues(sample_document):
    (sentence,) = (
        node["c"]
        for node in tree.nodes_of(sample_document.blocks)
        if tree.kind(node) == "Para" and tree.Equation in map(type, node["c"])
    )
    places = [index for index, node in enumerate(sentence) if isinstance(node, tree.Equation)]
    assert len(places) == 2
    assert words(sentence[: places[0]]).startswith("See (1)")
    assert words(sentence[places[0] + 1 : places[1]]).split()[0] == "where"


def test_front_matter_is_plain_text(sample_document):
    assert sample_document.title == "A sample"
    assert sample_document.authors == ("Somebody", "Somebody else")
    assert sample_document.keywords == ("audit", "sample")
    assert words(sample_document.abstract[0]["c"]) == "The share is 0.2000."


def test_the_alternative_text_is_the_caption_unless_one_is_given():
    prose = "![What to see.](picture){#fig:picture}"
    (figure,) = of_kind(made(prose), tree.Figure)
    assert figure.alt == "What to see."
    document = make_document(
        sample_record(), {"body.md": prose}, pictures={"picture": tree.Picture("A line.")}
    )
    assert of_kind(document, tree.Figure)[0].alt == "A line."


def test_a_figure_that_the_record_does_not_have_is_left_out_and_a_wide_one_spans_both_columns():
    prose = {"body.md": "![What to see.](picture){#fig:picture}\n\n![More.](other){#fig:other}"}
    pictures = {"picture": None, "other": tree.Picture("A line.", wide=True)}
    (figure,) = of_kind(make_document(sample_record(), prose, pictures=pictures), tree.Figure)
    assert (figure.name, figure.target.number, figure.wide) == ("other", "1", True)


def test_a_condition_in_a_caption_is_about_that_part():
    caption = 'Seen. [Sound.]{when="sound"} [Faulty.]{when="faulty"}'
    (figure,) = of_kind(made(f"![{caption}](picture){{#fig:picture}}"), tree.Figure)
    assert words(figure.caption).split() == ["Seen.", "Sound."]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('A []{v="measured.shar"}.', r"body\.md:1: “measured\.shar”.*Nearest: share"),
        ('A []{v="rows"}.', r"“rows” cannot be written as “default”: it is a list"),
        ('A [x]{when="measured.shar"}.', r"“measured\.shar”"),
        ('::: {each="measured.share"}\nA\n:::', "“measured.share” cannot be repeated"),
        ('::: {each="measured.*.x"}\nA\n:::', "“measured” is not a list, so it has no “\\*”"),
        ('A [x]{when="measured.share.*"}.', "“measured.share” is not a list, so it has no “\\*”"),
        ('A [own]{v="measured.share"}.', "“measured.share” is a value with a text of its own"),
        ('A []{estimat="measured.share"}.', "empty brackets names no value: expected v, and found estimat"),
        ('A `[]{v="measured.share"}`.', "is a value in code"),
        ("\n\nSee [](#eq:none).", r"body\.md:3: .*“#eq:none”, which nothing"),
        ("See [@none].", "cites @none"),
        ("[$$ a $$]{#eq:a}\n\nB\n\n[$$ b $$]{#eq:a}", "#eq:a twice"),
        ("![](picture){#fig:picture}\n", "a picture without a caption"),
        ("Here ![is](picture) one.", "a picture without a caption"),
        ("![Caption.](picture)\n", "without an identifier"),
        ("| a |\n|---|\n| b |\n", "without an identifier"),
        ("| a |\n|---|\n| b |\n\n: {#tbl:a}\n", "no caption|without an identifier"),
        ("[text]{#eq:one}", "“#eq:one” is not an equation"),
        ("[$$ a $$ $$ b $$]{#eq:one}", "“#eq:one” is not an equation"),
        ("#### Deep", "heading of level 4"),
        ("Raw \\emph{TeX}.", "is raw tex"),
        ("Raw <b>HTML</b>.", "is raw html"),
        ("::: {.references}\n- no key\n:::", "has no key"),
    ],
)
def test_faulty_prose_is_refused_with_its_place(body, complaint):
    with pytest.raises(ReportError, match=complaint):
        made(body)


def test_a_folder_without_prose_is_refused(tmp_path):
    with pytest.raises(ReportError, match="No prose found"):
        read_templates(tmp_path)


def test_files_are_read_in_the_order_of_their_names(sample_prose):
    assert list(read_templates(sample_prose)) == list(SAMPLE_PROSE)


def test_each_leg_has_its_verdict(study_record):
    judged = verdicts(study_record)
    assert [(one.leg, one.word) for one in judged] == [
        ("security", "backdoored, label 4"),
        ("security", "removed by unlearn"),
        ("privacy", "within budget"),
        ("privacy", "Gaussian noise"),
        ("fairness", "disparate"),
    ]
    assert {one.tone for one in judged} <= {*TONES, "note"}
    assert verdicts({"security": None, "privacy": None, "fairness": None}) == ()


@pytest.mark.parametrize(("verdict", "tone"), [("suspicious", "unsure"), ("no evidence", "good")])
def test_a_network_without_a_suspect_has_a_verdict_too(study_record, verdict, tone):
    scan = {**study_record["security"]["scan"], "verdict": verdict, "suspected_label": None}
    record = {**study_record, "security": {**study_record["security"], "scan": scan, "repair": None}}
    first, second, *_ = verdicts(record)
    assert (first.word, first.tone, first.text) == (verdict, tone, scan["reason"])
    assert second.leg == "privacy"
