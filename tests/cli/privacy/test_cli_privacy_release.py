"""``trivet privacy release`` as a user calls it, on Adult."""

from importlib.resources import as_file, files

import duckdb
import pytest

from trivet.privacy.releases.ledger import create_ledger, open_ledger


@pytest.fixture(scope="module")
def adult(tmp_path_factory):
    """Adult as CSV, as Parquet and in a database, and exact answers to hold the noisy ones against."""
    folder = tmp_path_factory.mktemp("adult")
    embedded = files("trivet.datasets") / "data" / "adult.parquet"
    with as_file(embedded) as path, duckdb.connect(str(folder / "adult.duckdb")) as connection:
        connection.execute(f"CREATE TABLE people AS FROM '{path}'")
        for suffix in ("csv", "parquet"):
            connection.execute(f"COPY people TO '{folder / f'adult.{suffix}'}'")
    return folder


@pytest.fixture
def exact(adult):
    def ask(sql):
        with duckdb.connect(str(adult / "adult.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return ask


@pytest.fixture
def ledger(tmp_path):
    return create_ledger(tmp_path / "ledger", epsilon="100").path


TABLES = ["adult.csv", "adult.parquet", "adult.duckdb:people"]


@pytest.mark.parametrize("table", TABLES)
def test_a_count_of_rich_people_who_work_long(trivet, adult, exact, ledger, table):
    where = "income = '>50K' and hours-per-week >= 60 and not native-country in ('United-States')"
    asked = ("--query", "count", "--where", where, "--epsilon", "10", "--ledger", ledger, "--json")
    done = trivet("privacy", "release", table, *asked, cwd=adult)
    assert (done.code, done.err) == (0, "")
    ((rows,),) = exact(
        "SELECT count(*) FROM people WHERE income = '>50K' AND \"hours-per-week\" >= 60 "
        "AND coalesce(\"native-country\" <> 'United-States', true)"
    )
    assert abs(done.json["value"] - rows) <= 5  # P(more) = 2 e^-60
    receipt = done.json["receipt"]
    assert receipt["where"] == (
        '"income" = \'>50K\' and "hours-per-week" >= 60 and not "native-country" in (\'United-States\')'
    )
    (entry,) = open_ledger(ledger).state().entries
    assert (entry.id, entry.epsilon, entry.table) == (receipt["entry"], "10", table)


@pytest.mark.parametrize("table", ["adult.csv", "adult.parquet"])  # a text and typed numbers
def test_a_mean_and_a_sum(trivet, adult, exact, ledger, table):
    asked = ("--bounds", "0,99999", "--missing", "0", "--where", "gender = 'Female'", "--ledger", ledger)
    ((mean, total),) = exact(
        'SELECT avg("capital-gain"), sum("capital-gain") FROM people WHERE gender = \'Female\''
    )
    for query, true in (("mean", mean), ("sum", total)):
        done = trivet(
            *("privacy", "release", table, "--query", query, "--column", "capital-gain", "--epsilon", "10"),
            *asked,
            "--json",
            cwd=adult,
        )
        assert (done.code, done.err) == (0, "")
        # Beyond 20 times the half-width that holds 95 % of the noise: never. Rounding to the grid of a
        # CSV file is 16,192 rows by half a step.
        rounding = done.json["receipt"]["grid"] * (16_192 if query == "sum" else 1)
        assert abs(done.json["value"] - true) <= 20 * done.json["half_width"] + rounding


def test_a_histogram_with_a_category_that_is_not_there(trivet, adult, exact, ledger):
    asked = ("--query", "histogram", "--column", "race", "--categories", 'White,Black,"Green, blue"')
    done = trivet(
        "privacy",
        "release",
        "adult.parquet",
        *asked,
        "--epsilon",
        "10",
        "--ledger",
        ledger,
        "--json",
        cwd=adult,
    )
    assert (done.code, done.err) == (0, "")
    truth = dict(exact("SELECT race, count(*) FROM people GROUP BY race"))
    assert [cell["key"] for cell in done.json["cells"]] == ["White", "Black", "Green, blue"]
    for cell in done.json["cells"]:
        assert abs(cell["value"] - truth.get(cell["key"], 0)) <= 5
    assert done.json["value"] is None


def test_the_terminal_shows_answer_error_and_receipt(trivet, adult, ledger):
    done = trivet(
        *("privacy", "release", "adult.csv", "--query", "mean", "--column", "age", "--bounds", "-10,90"),
        *("--missing", "-5", "--epsilon", "0.5", "--ledger", ledger),
        cwd=adult,
    )
    assert (done.code, done.err) == (0, "")
    value, plus_minus, error = done.out.splitlines()[0].split()
    assert plus_minus == "±"
    assert abs(float(value) - 38.64) < 20 * float(error) < 2
    assert "centred sum  discrete Laplace    200           50     0.25    0.25" in done.out
    assert "charged: epsilon 0.5, delta 0, add-remove one row, entry" in done.out
    assert "noise by opendp" in done.out
    assert "\x1b" not in done.out


def test_too_few_rows_is_an_answer(trivet, adult, ledger):
    done = trivet(
        *("privacy", "release", "adult.csv", "--query", "mean", "--column", "age", "--bounds", "0,90"),
        *("--missing", "drop", "--where", "age > 500", "--epsilon", "0.000001", "--ledger", ledger, "--json"),
        cwd=adult,
    )
    assert done.code == 0
    # The noise alone claims a mean of nobody once in forty times; either way there is an answer.
    assert (done.json["value"] is None) == ("too few rows for a mean" in str(done.json["message"]))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--query", "count", "--where", "hours-per-wek > 3"], 2, "did you mean 'hours-per-week'"),
        (["--query", "count", "--where", "age > 3; DROP TABLE people"], 2, "age > 3▸; DROP TABLE people"),
        (["--query", "mean", "--column", "age"], 2, "--bounds LOWER,UPPER"),
        (["--query", "mean", "--column", "age", "--bounds", "0"], 2, "expected LOWER,UPPER"),
        (["--query", "mean", "--column", "age", "--bounds", "0,1"], 2, "--missing drop"),
        (["--query", "median"], 2, "median"),
        (["--query", "count", "--epsilon", "101"], 2, "refuses epsilon 101: 0 of 100 is spent"),
    ],
)
def test_what_cannot_be_answered_ends_in_one_line_and_costs_nothing(
    trivet, adult, ledger, arguments, code, said
):
    before = ledger.read_bytes()
    spend = [] if "--epsilon" in arguments else ["--epsilon", "1"]
    done = trivet("privacy", "release", "adult.csv", *arguments, *spend, "--ledger", ledger, cwd=adult)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert ledger.read_bytes() == before


def test_rows_that_cannot_be_read_cost_and_say_nothing(trivet, tmp_path, ledger):
    table = tmp_path / "t.parquet"
    duckdb.sql("SELECT 'secret' || range AS name FROM range(1000)").write_parquet(str(table))
    whole = table.read_bytes()
    table.write_bytes(whole[:4] + bytes(500) + whole[504:])  # the rows; the schema stands at the end
    asked = ("--query", "count", "--where", "name > 'a'", "--epsilon", "1", "--ledger", ledger)
    done = trivet("privacy", "release", table, *asked)
    (entry,) = open_ledger(ledger).state().entries
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        "trivet: not all rows of the table could be read; which, and why, stays private. The owner can "
        "see it with `trivet privacy check`. "
        f"The charge {entry.id} stays.\n"
    )


def test_no_group_has_enough_units(trivet, tmp_path):
    (tmp_path / "people.csv").write_text("town,age\nBonn,1\n", encoding="utf-8")
    create_ledger(tmp_path / "ledger", epsilon="1", delta="1e-6")
    asked = ("--query", "count", "--by", "town", "--private-keys", "--epsilon", "1", "--delta", "1e-9")
    done = trivet("privacy", "release", "people.csv", *asked, "--ledger", "ledger", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("no group has enough units to be shown\n")


PLAN = """[privacy.release]
epsilon = 0.75
[[privacy.release.queries]]
query = "count"
"""


@pytest.mark.parametrize(
    "option",
    [
        ("--within", "Bonn"),
        ("--unit", "age"),
        ("--max-rows", "3"),
        ("--max-groups", "3"),
        ("--bounds-of", "unit"),
        ("--private-keys",),
        ("--non-negative",),
    ],
)
def test_a_plan_takes_no_part_of_a_question_beside_it(trivet, tmp_path, option):
    (tmp_path / "people.csv").write_text("town,age\nBonn,1\n", encoding="utf-8")
    (tmp_path / "audit.toml").write_text(PLAN, encoding="utf-8")
    ledger = create_ledger(tmp_path / "ledger", epsilon="1", parted_by="town")
    asked = ("--plan", "audit.toml", "--ledger", "ledger", *option)
    done = trivet("privacy", "release", "people.csv", *asked, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "leave other options out" in done.err
    assert ledger.state().entries == ()


def test_a_dry_run_says_that_the_ledger_would_refuse(trivet, tmp_path):
    (tmp_path / "people.csv").write_text("town,age\nBonn,1\n", encoding="utf-8")
    (tmp_path / "audit.toml").write_text(PLAN, encoding="utf-8")
    ledger = create_ledger(tmp_path / "ledger", epsilon="1")
    asked = ("privacy", "release", "people.csv", "--plan", "audit.toml", "--ledger", "ledger")
    done = trivet(*asked, "--dry-run", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "would be charged" in done.out
    assert trivet(*asked, cwd=tmp_path).code == 0
    done = trivet(*asked, "--dry-run", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "the ledger refuses epsilon 0.75: 0.75 of 1 is spent" in done.err
    assert len(ledger.state().entries) == 1


def test_a_file_whose_name_is_no_text_can_be_asked(trivet, tmp_path):
    try:
        (tmp_path / "x\udcff.csv").write_text("town,age\nBonn,1\n", encoding="utf-8")
    except (OSError, UnicodeError):
        pytest.skip("no such name here")
    ledger = create_ledger(tmp_path / "ledger", epsilon="1")
    asked = ("--query", "count", "--epsilon", "1", "--ledger", "ledger", "--json")
    done = trivet("privacy", "release", "x\udcff.csv", *asked, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.json["receipt"]["table"] == "x\\udcff.csv" == ledger.state().entries[0].table
    done = trivet("privacy", "release", "x\udcff.csv", *asked[:2], "--epsilon", "0", *asked[4:], cwd=tmp_path)
    assert "epsilon must be a positive decimal such as 0.1, not 0" in done.err
