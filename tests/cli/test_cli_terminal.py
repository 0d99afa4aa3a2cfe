import io
import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table

from example_records import example_own_record, example_record, whole_own_record
from trivet.cli.main import main
from trivet.cli.terminal import (
    CARD_LINES,
    print_card,
    print_json,
    print_text,
    report_progress,
    results_console,
)
from trivet.findings import findings_of
from trivet.findings.summary import summary_of
from trivet.record import as_json
from trivet.wording import as_entity, as_json_escape, inert

#: What GitHub, Azure, GitLab, TeamCity and terminals obey, in the first column, indented, and within a line.
COMMANDS = [
    "::error::x",
    "::set-output name=a::b",
    "##[error]x",
    "##vso[task.setvariable variable=A]b",
    "##VSO[task.complete]x",
    "##teamcity[buildStop]",
    "section_start:1:a\r\x1b[0K",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202eevil",
    "\u2028::error::x",
    "a\r::error::x",
    "\udcff",
    "\x00",
]
OBEYED = re.compile(
    r"^\s*::|##\w*\[|[^\n\x20-\x7e\xa0-\U0010ffff]|[\ud800-\udfff\u202a-\u202e\u2028]", re.MULTILINE
)
TEXT = st.lists(
    st.one_of(st.sampled_from([*COMMANDS, ":", "#", "[", " ", "\n", "\t"]), st.characters()), max_size=8
)


def test_what_a_test_looks_for_is_in_every_command():
    assert all(OBEYED.search(command) for command in COMMANDS)


@given(TEXT.map("".join))
def test_no_line_of_an_inert_text_is_obeyed(text):
    assert not OBEYED.search(inert(text))
    assert inert(inert(text)) == inert(text)


@given(TEXT.map("".join))
def test_json_is_inert_and_says_the_same(text):
    shown = inert(json.dumps({text: [text]}, indent=2, ensure_ascii=False), as_json_escape)
    assert not OBEYED.search(shown)
    assert json.loads(shown) == {text: [text]}


@pytest.mark.parametrize("text", ["##[error]", "  ::error::", "a\n::x", "\u202eevil\u2028", "##vso[x] ##[y]"])
def test_xml_is_inert_and_says_the_same(text):
    shown = inert(f"<a>\n{text}</a>", as_entity)
    assert not OBEYED.search(shown)
    assert ET.fromstring(shown).text == f"\n{text}"


def test_names_that_print_stay_as_they_are():
    for name in ("größe", "中文", "a::b", "#1", "# [x]", "c++ :: std", "🙂", "a\nb"):
        assert inert(name) == name


@pytest.mark.parametrize("command", COMMANDS)
def test_no_print_of_a_name_is_obeyed(command, capsys):
    console = results_console()
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column(escape(command), overflow="fold")
    for name in (command, "x" * 79 + command, f"  {command}"):
        table.add_row(escape(name), escape(name))
    console.print(table)
    console.print(escape(command))
    console.print(f"  {escape(command)}", style="bold")
    console.print(f"[bold]{escape(command)}[/] and [red]more[/]")
    print_json({command: [command]})
    print_text(command, as_entity)
    with report_progress() as progress:
        progress(command, command, None)
    out, err = capsys.readouterr()
    assert not OBEYED.search(out)
    assert not OBEYED.search(err)


def test_a_coloured_terminal_gets_its_own_colours_and_no_others(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    console = results_console()
    console._force_terminal = True  # as on a terminal
    console._color_system = 1  # sixteen colours
    console.print(f"[red]{escape(chr(27) + '[5m')}[/]")
    assert stream.getvalue() == "\x1b[31m\\x1b[5m\x1b[0m\n"


@pytest.mark.parametrize("command", [each for each in COMMANDS if "\0" not in each])
def test_an_error_is_one_inert_line(command, capsys):
    with pytest.raises(SystemExit) as end:
        main(["card", command, "--json"])
    out, err = capsys.readouterr()
    assert end.value.code == 3
    assert len(err.splitlines()) == 1
    assert not OBEYED.search(err)
    assert not OBEYED.search(out)
    assert json.loads(out)["error"]["exit_code"] == 3


@pytest.mark.parametrize("columns", ["80", "60", "200"])
@pytest.mark.parametrize("record", [example_record, example_own_record, lambda: whole_own_record()[0]])
def test_a_card_fits_a_terminal_and_a_pipe(monkeypatch, capsys, record, columns):
    monkeypatch.setenv("COLUMNS", columns)
    plain = as_json(record())
    summary = summary_of(plain, findings_of(plain))
    print_card(results_console(), summary)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= CARD_LINES or columns == "60"
    assert max(map(len, lines)) <= min(int(columns), 100)
    assert lines[0].startswith(f"✗ {summary.word}  {summary.title}"[:60])
    assert [
        line.split()[0] for line in lines if line.split()[:1] in (["security"], ["privacy"], ["fairness"])
    ]
    assert "✗ breach  Verdict of" in "\n".join(lines)
    assert not OBEYED.search("\n".join(lines))


def test_names_on_a_card_are_no_markup_and_no_commands(capsys):
    plain = as_json(example_record())
    plain["security"]["scan"]["checkpoint"]["name"] = "[red]a[/red]\x1b[31m##[error]x"
    plain["audit"]["title"] = "[bold]T[/bold]\x1b]0;t\x07"
    print_card(results_console(), summary_of(plain, findings_of(plain)))
    text = capsys.readouterr().out
    assert "[bold]T[/bold]" in text
    assert "[red]a[/red]" in text
    assert not OBEYED.search(text)
