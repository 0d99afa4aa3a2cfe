"""``trivet privacy ledger`` as a user calls it."""

import sqlite3
from contextlib import closing

import pytest

from trivet.privacy.releases.ledger import Asked, create_ledger, open_ledger


def asked(epsilon):
    return Asked(
        table="people[bold].csv",
        fingerprint="0" * 64,
        query="mean",
        asked="mean of age in [0, 100], missing: drop, where \"town\" = '[red]x'",
        mechanism="discrete Laplace",
        scales=(500.0, 10.0),
        epsilon=epsilon,
        delta="0",
    )


def test_make_spend_and_show(trivet, tmp_path):
    path = tmp_path / "budget.ledger"
    done = trivet("privacy", "ledger", path, "--create", "--epsilon", "5", "--delta", "1e-6")
    assert (done.code, done.err) == (0, "")
    assert "epsilon, basic       5      0" in done.out
    ledger = open_ledger(path)
    for _ in range(25):
        ledger.charge(asked("0.1"))
    ledger.mark_answered(ledger.charge(asked("0.5")))

    done = trivet("privacy", "ledger", path, "--json")
    assert done.code == 0
    assert (done.json["spent_epsilon"], done.json["left_epsilon"]) == ("3", "2")
    assert 2 < done.json["left_pld"] < 5
    assert 0 < done.json["spent_pld"] < 3
    assert [entry["state"] for entry in done.json["entries"]] == ["charged"] * 25 + ["answered"]
    assert done.json["entries"][0]["scales"] == [500.0, 10.0]

    done = trivet("privacy", "ledger", path)
    assert done.code == 0
    assert done.out.startswith("6 earlier entries are in --json\n")
    assert "\x1b" not in done.out
    assert "people[bold].csv" in done.out.replace("\n", "")
    assert "add-remove one row; basic composition refuses" in done.out
    assert max(map(len, done.out.splitlines()[:-1])) <= 80


def test_a_second_ledger_of_the_name_is_refused(trivet, tmp_path):
    create_ledger(tmp_path / "l", epsilon="1")
    before = (tmp_path / "l").read_bytes()
    done = trivet("privacy", "ledger", "l", "--create", "--epsilon", "9", cwd=tmp_path)
    assert done.code == 2
    assert done.err == "trivet: l is there already and is left as it is; choose another file.\n"
    assert (tmp_path / "l").read_bytes() == before


def test_a_foreign_database_is_left_alone(trivet, tmp_path):
    with closing(sqlite3.connect(tmp_path / "bank.db")) as connection:
        connection.execute("CREATE TABLE money (amount INTEGER)")
        connection.commit()
    before = (tmp_path / "bank.db").read_bytes()
    done = trivet("privacy", "ledger", "bank.db", "--json", cwd=tmp_path)
    assert done.code == 3
    assert done.json["error"]["message"].startswith("bank.db is not a ledger")
    assert (tmp_path / "bank.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["bank.db"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none"], 3, "--create --epsilon E"),
        (["new", "--create"], 2, "give --epsilon"),
        (["new", "--create", "--epsilon", "much"], 2, "positive decimal"),
        (["new", "--create", "--epsilon", "1", "--accounting", "pld"], 2, "needs a delta"),
        (["new", "--create", "--epsilon", "1", "--adjacency", "near"], 2, "add-remove"),
        (["new", "--epsilon", "2"], 2, "go with --create"),
        (["no-folder/new", "--create", "--epsilon", "1"], 2, "cannot be written"),
    ],
)
def test_what_cannot_be_ends_in_one_line(trivet, tmp_path, arguments, code, said):
    done = trivet("privacy", "ledger", *arguments, cwd=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
