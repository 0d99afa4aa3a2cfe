"""``trivet privacy check`` as an owner calls it."""

import json

import pytest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pay.csv").write_text(
        "id;income;day\n" + "".join(f"{i};1.00{i % 10},50;{1 + i % 28:02}.06.2024\n" for i in range(100)),
        encoding="utf-8",
    )
    (tmp_path / "plain.csv").write_text("age,city\n" + "41,Bonn\n17,Ulm\n" * 10, encoding="utf-8")
    return tmp_path


def test_findings_options_and_the_next_command(trivet, folder):
    done = trivet("privacy", "check", "pay.csv", cwd=folder)
    assert (done.code, done.err) == (1, "")
    assert "pay.csv: 100 rows, columns shown: 3; utf-8, delimiter ';', lines end in LF" in done.out
    assert "these figures are exact, not private; do not publish them" in done.out
    assert "income: 100 of 100 cells cannot be read as a number, such as '1.000,50'" in done.out
    assert "Bounds and categories must not come from the data" in done.out
    options = ("--decimal", "comma", "--date-format", "dmy")
    assert f"next: trivet privacy release pay.csv {' '.join(options)} --query count" in done.out
    assert {each.name for each in folder.iterdir()} == {"pay.csv", "plain.csv"}
    again = trivet("privacy", "check", "pay.csv", *options, "--column", "income, day", cwd=folder)
    assert (again.code, again.err) == (0, "")
    assert "A release reads all of it as it is" in again.out
    assert "columns shown: 2" in again.out


def test_the_next_command_is_one_that_runs(trivet, folder):
    done = trivet("privacy", "check", "pay.csv", "--where", "income > 1000", "--json", cwd=folder)
    assert done.code == 1
    trivet("privacy", "ledger", "budget.db", "--create", "--epsilon", "1", cwd=folder)
    import shlex  # noqa: PLC0415 - for this line alone

    words = shlex.split(done.json["command"])
    assert words[:1] == ["trivet"]
    assert trivet(*words[1:], cwd=folder).code == 0


def test_json_is_one_document(trivet, folder):
    done = trivet("privacy", "check", "plain.csv", "--where", "city = 'Ulm'", "--json", cwd=folder)
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["reads_as_is"], found["rows"], found["selected"], found["options"]) == (True, 20, 10, [])
    assert [each["distinct"] for each in found["columns"]] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.csv"], 3, "is not there"),
        (["plain.csv", "--column", "agge"], 2, "did you mean 'age'"),
        (["plain.csv", "--where", "age > 'x' or"], 2, "expected a column or a value"),
        (["plain.csv", "--encoding", "ebcdic"], 2, "ebcdic"),
        (
            ["plain.csv", "--decimal", "comma", "--thousands", "comma"],
            2,
            "--decimal and --thousands are both comma",
        ),
    ],
)
def test_errors_are_one_line(trivet, folder, arguments, code, said):
    done = trivet("privacy", "check", *arguments, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_names_and_cells_are_shown_inert(trivet, tmp_path):
    name = "a\x1b[31m"
    (tmp_path / "t.csv").write_text(
        f"{name},[bold]b[/]\n1,x\x1b]0;title\x07\n2,::set-output\n3 ,y\n", encoding="utf-8"
    )
    done = trivet("privacy", "check", "t.csv", cwd=tmp_path)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "[bold]b[/]" in done.out
    assert not any(line.startswith("::") for line in done.out.splitlines())


def test_many_columns_are_shown_in_part(trivet, tmp_path):
    names = [f"c_{i}" for i in range(300)]
    (tmp_path / "wide.csv").write_text(
        ",".join(names) + "\n" + ",".join(["1"] * 300) + "\n", encoding="utf-8"
    )
    done = trivet("privacy", "check", "wide.csv", cwd=tmp_path)
    assert done.code == 0
    assert "200 more columns are in --json" in done.out
    assert "c_99 " in done.out
    assert "c_100" not in done.out


def test_a_release_looks_first_unless_it_is_not_to(trivet, tmp_path):
    (tmp_path / "t.csv").write_text('name,age\n"Bob,33\n' + "p,30\n" * 30, encoding="utf-8")
    trivet("privacy", "ledger", "budget.db", "--create", "--epsilon", "1", cwd=tmp_path)
    asked = ("t.csv", "--query", "count", "--epsilon", "1", "--ledger", "budget.db")
    refused = trivet("privacy", "release", *asked, cwd=tmp_path)
    assert (refused.code, refused.out) == (3, "")
    assert "nothing was charged: 1 line with a quotation mark that lacks its second" in refused.err
    checked = trivet("privacy", "check", "t.csv", cwd=tmp_path)
    assert checked.out.endswith("next, once it is corrected: trivet privacy check t.csv\n")
    done = trivet("privacy", "release", *asked, "--no-check", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "charged: epsilon 1" in done.out
