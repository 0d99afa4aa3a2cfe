"""Ledgers of units, disjoint parts and periods, of an earlier format, and of many charges."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import product
from random import Random

import pytest
from tables_to_ask import write_table

from trivet.errors import UsageError
from trivet.privacy import accountants
from trivet.privacy.releases import ledger as ledger_module
from trivet.privacy.releases.charges import Charge, side_by_side, spent_pld, total, worst
from trivet.privacy.releases.ledger import Asked, create_ledger, open_ledger
from trivet.privacy.releases.ledger_file import connect
from trivet.privacy.releases.releasing import release
from trivet.tables import session
from trivet.tables.settings import Reading

NOUGHT = Fraction(0)
ROWS = [(str(i % 7), "north" if i % 3 else "south") for i in range(60)]


@pytest.fixture
def people(tmp_path):
    return write_table(tmp_path / "people.parquet", {"who": "VARCHAR", "region": "VARCHAR"}, ROWS)


def asked(epsilon="0.1", *, rho="0", within=""):
    return Asked(
        table="t",
        fingerprint="",
        query="count",
        asked="count",
        mechanism="discrete Laplace",
        scales=(1.0,),
        epsilon=epsilon,
        delta="0",
        rho=rho,
        gaussian=rho != "0",
        within=within,
    )


def test_disjoint_parts_of_a_table_do_not_add_up(tmp_path, people):
    ledger = create_ledger(tmp_path / "ledger", epsilon="1", parted_by="region")
    north = release(people, query="count", within="north", epsilon="0.6", ledger=ledger)
    south = release(people, query="count", within="south", epsilon="0.5", ledger=ledger)
    assert abs(north.value - 40) < 60
    assert abs(south.value - 20) < 60
    assert ledger.state().spent_epsilon == "0.6"
    release(people, query="count", epsilon="0.4", ledger=ledger)
    state = ledger.state()
    assert (state.spent_epsilon, state.left_epsilon) == ("1", "0")
    with pytest.raises(UsageError, match=r"refuses epsilon 0\.01"):
        release(people, query="count", within="north", epsilon="0.01", ledger=ledger)
    release(people, query="count", within="south", epsilon="0.1", ledger=ledger)
    with pytest.raises(UsageError, match="composes none in parallel"):
        release(
            people, query="count", within="a", epsilon="1", ledger=create_ledger(tmp_path / "b", epsilon="1")
        )
    with pytest.raises(UsageError, match="not valid Unicode"):
        release(people, query="count", within="\udcff", epsilon="1", ledger=ledger)
    with pytest.raises(UsageError, match="under add-remove only"):
        create_ledger(tmp_path / "c", epsilon="1", parted_by="region", adjacency="replace-one")


def test_a_unit_in_two_parts_counts_in_one_of_them(tmp_path, people):
    ledger = create_ledger(tmp_path / "ledger", epsilon="1e5", parted_by="region", unit="who")
    counted = {
        part: release(people, query="units", within=part, epsilon="1e4", ledger=ledger).value
        for part in ("north", "south")
    }
    # All seven are in both; the first by name has them.
    assert counted == {"north": 7, "south": 0}


def test_a_unit_may_be_in_another_part_of_another_table(tmp_path, people):
    moved = write_table(
        tmp_path / "moved.parquet",
        {"who": "VARCHAR", "region": "VARCHAR"},
        [(who, "south") for who, _ in ROWS],
    )
    ledger = create_ledger(tmp_path / "ledger", epsilon="1", parted_by="region", unit="who")
    release(people, query="units", within="north", epsilon="0.6", ledger=ledger)
    with pytest.raises(UsageError, match=r"0\.6 of 1 is spent"):
        release(moved, query="units", within="south", epsilon="0.5", ledger=ledger)
    release(people, query="units", within="south", epsilon="0.5", ledger=ledger)
    release(moved, query="units", within="south", epsilon="0.4", ledger=ledger)
    assert ledger.state().spent_epsilon == "1"
    with pytest.raises(UsageError, match="by another one a unit may be in another part"):
        release(people, query="units", within="north", unit="region", epsilon="0.1", ledger=ledger)


def test_a_row_is_in_one_part_of_a_table_in_whatever_encoding_it_is_read(tmp_path):
    path = tmp_path / "towns.csv"
    path.write_bytes(b"town\n" + "Brünn\n".encode("latin-1") * 10)
    ledger = create_ledger(tmp_path / "ledger", epsilon="10000", parted_by="town")
    latin = {"reading": Reading(encoding="latin-1")}
    assert release(path, query="count", within="Brünn", epsilon="6000", ledger=ledger, **latin).value == 10
    # The same rows under another name: they pay again.
    with pytest.raises(UsageError, match="6000 of 10000 is spent"):
        release(path, query="count", within="Br\ufffdnn", epsilon="6000", ledger=ledger)
    assert release(path, query="count", within="Br\ufffdnn", epsilon="4000", ledger=ledger).value == 10
    assert ledger.state().spent_epsilon == "10000"


def test_a_row_is_in_one_part_of_a_table_in_whatever_zone_the_machine_is(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    sql = "SELECT CAST(TIMESTAMPTZ '2024-01-01 23:30:00+00' AS VARCHAR)"
    with session._connection() as connection:
        assert connection.execute(sql).fetchone() == ("2024-01-01 23:30:00+00",)


def charges_of_parts(random, tables, parts):
    drawn = []
    for _ in range(random.randint(0, 12)):
        within = random.choice(["", *parts])
        epsilon = Fraction(random.randint(1, 5), 10)
        drawn.append(Charge(epsilon, NOUGHT, within=within, table=random.choice(tables) if within else ""))
    return drawn


@pytest.mark.parametrize("seed", range(50))
def test_no_unit_pays_more_than_the_worst_of_all_ways_to_be_in_parts(seed):
    random, tables, parts = Random(seed), ["t", "u", "v"], ["a", "b", "c"]
    charges = charges_of_parts(random, tables, parts)
    budget = Charge(Fraction(100), Fraction(1, 10**6))
    found = side_by_side(charges)
    ways = [
        [each for each in charges if not each.within or home[each.table] == each.within]
        for home in (dict(zip(tables, each, strict=True)) for each in product(parts, repeat=3))
    ]
    assert max(total(each).epsilon for each in found) == max(total(each).epsilon for each in ways)
    assert max(spent_pld(each, budget) for each in found) == max(spent_pld(each, budget) for each in ways)


def test_where_there_are_too_many_ways_all_parts_of_some_tables_count():
    tables, parts = range(20), range(1, 6)
    charges = [
        Charge(Fraction(part, 10), NOUGHT, within=str(part), table=str(table))
        for table in tables
        for part in parts
    ]
    found = side_by_side(charges)
    assert len(found) <= 100
    assert 20 * Fraction(5, 10) <= worst(charges, total).epsilon <= 20 * Fraction(15, 10)
    # The same charges on each part are those of one.
    alike = [replace(charge, epsilon=Fraction(1, 10)) for charge in charges]
    assert [total(each).epsilon for each in side_by_side(alike)] == [2]


@pytest.fixture
def clock(monkeypatch):
    class Clock(ledger_module.datetime):
        at = ""

        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(cls.at).replace(tzinfo=tz)

    monkeypatch.setattr(ledger_module, "datetime", Clock)
    return Clock


@pytest.mark.parametrize(
    ("period", "now", "then", "later"),
    [
        # Within the period, before it, and a period that it is in.
        ("year", "2026-06-01", "month", "2026-06-01"),
        ("quarter", "2026-05-31", "month", "2026-06-01"),
        ("month", "2026-05-31", "month", "2026-04-30"),
        ("month", "2026-05-31", "quarter", "2026-06-01"),
        ("quarter", "2026-05-31", "year", "2026-12-31"),
        ("year", "2026-05-31", "quarter", "2025-12-31"),
    ],
)
def test_no_month_has_two_budgets_of_ledgers_that_follow_each_other(
    tmp_path, clock, period, now, then, later
):
    clock.at = now
    first = create_ledger(tmp_path / "first", epsilon="1", period=period)
    clock.at = later
    with pytest.raises(UsageError, match="is for a later period"):
        create_ledger(tmp_path / "second", follows=first, period=then)
    clock.at = "2027-01-01"
    assert create_ledger(tmp_path / "second", follows=first, period=then).past[0].id == first.id


def test_a_charge_that_waits_beyond_the_period_is_refused(tmp_path, clock, monkeypatch):
    clock.at = "2026-12-31T23:59:59"
    ledger = create_ledger(tmp_path / "ledger", epsilon="1", period="year")
    ledger.charge(asked())
    same = ledger_module.Ledger._require_same

    def late(self, connection):
        clock.at = "2027-01-01T00:00:00"
        same(self, connection)

    monkeypatch.setattr(ledger_module.Ledger, "_require_same", late)
    with pytest.raises(UsageError, match="now is 2027"):
        ledger.charge(asked())
    assert len(ledger.state().entries) == 1


@pytest.mark.parametrize(
    ("period", "now", "name", "later"),
    [
        ("quarter", "2026-09-30T23:59:59", "2026-Q3", "2026-10-01T00:00:00"),
        ("month", "2026-01-31T12:00:00", "2026-01", "2026-02-01T00:00:00"),
        ("year", "2026-12-31T12:00:00", "2026", "2027-01-01T00:00:00"),
    ],
)
def test_a_period_has_its_own_budget_and_the_history_of_those_before(
    tmp_path, people, clock, period, now, name, later
):
    clock.at = now
    first = create_ledger(tmp_path / "first", epsilon="1", period=period)
    assert first.period == name
    release(people, query="count", epsilon="1", ledger=first)
    with pytest.raises(UsageError, match="is for a later period"):
        create_ledger(tmp_path / "second", follows=first)
    clock.at = later
    with pytest.raises(UsageError, match="make the next ledger with"):
        release(people, query="count", epsilon="0.1", ledger=first)
    second = create_ledger(tmp_path / "second", follows=tmp_path / "first")
    release(people, query="count", epsilon="1", ledger=second)
    (past,) = open_ledger(tmp_path / "second").state().past
    assert (past.id, past.period, past.epsilon) == (first.id, name, "1")
    assert second.epsilon == "1"


OLD_BUDGET = (
    "CREATE TABLE budget (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL, "
    "created TEXT NOT NULL, adjacency TEXT NOT NULL, unit TEXT NOT NULL, accounting TEXT NOT NULL, "
    "epsilon TEXT NOT NULL, delta TEXT NOT NULL, fingerprint_key BLOB NOT NULL) STRICT"
)
OLD_ENTRY = (
    "CREATE TABLE entry (number INTEGER PRIMARY KEY, time TEXT NOT NULL, table_name TEXT NOT NULL, "
    "fingerprint TEXT NOT NULL, query TEXT NOT NULL, asked TEXT NOT NULL, mechanism TEXT NOT NULL, "
    "scales TEXT NOT NULL, epsilon TEXT NOT NULL, delta TEXT NOT NULL, state TEXT NOT NULL) STRICT"
)


def test_a_ledger_of_an_earlier_trivet_goes_on_with_what_it_spent(tmp_path, people):
    path = tmp_path / "old"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(OLD_BUDGET)
        connection.execute(OLD_ENTRY)
        connection.execute(
            "INSERT INTO budget VALUES (1, '0123abcd', '2026-01-01T00:00:00Z', 'add-remove', 'one row', "
            "'basic', '1', '0', x'00')"
        )
        connection.execute(
            "INSERT INTO entry VALUES (1, '2026-01-02T00:00:00Z', 't', '', 'count', 'count', "
            "'discrete Laplace', '[2.0]', '0.7', '0', 'answered')"
        )
        connection.execute(f"PRAGMA application_id = {int.from_bytes(b'TRVL', 'big')}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    ledger = open_ledger(path)
    assert (ledger.unit, ledger.state().spent_epsilon) == (None, "0.7")
    with pytest.raises(UsageError, match=r"0\.7 of 1 is spent"):
        release(people, query="count", epsilon="0.4", ledger=ledger)
    assert release(people, query="count", epsilon="0.3", ledger=path).receipt.entry == "0123abcd-2"


@pytest.mark.parametrize(
    ("budget", "price", "said"),
    [
        ({"epsilon": "1"}, {"epsilon": "0", "rho": "0.1"}, "no epsilon to add up"),
        ({"rho": "0.1"}, {"epsilon": "0", "rho": "0.2"}, "0 of rho 0.1 is spent"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path, budget, price, said):
    ledger = create_ledger(tmp_path / "ledger", **budget)
    with pytest.raises(UsageError, match=said):
        ledger.charge(asked(**price))


def test_an_epsilon_with_a_delta_is_a_rho_for_zcdp_accounting(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="1", delta="1e-6", accounting="zcdp")
    # By a numerical minimum over alpha; Bun and Steinke's simple conversion would allow 0.0174.
    assert ledger.rho == "0.0243559"
    ledger.charge(asked("0.2"))
    assert ledger.state().spent_rho == "0.02"
    for wrong in (
        {"epsilon": "1", "rho": "1"},
        {},
        {"rho": "1", "accounting": "pld"},
        {"epsilon": "1", "accounting": "zcdp"},
    ):
        with pytest.raises(UsageError):
            create_ledger(tmp_path / "other", **wrong)


def test_ten_thousand_charges_are_counted_at_once(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="100", delta="1e-6", accounting="pld")
    ledger.charge(asked("0.001"))
    columns = (
        "time, table_name, fingerprint, query, asked, mechanism, scales, epsilon, delta, rho, gaussian, "
        "within, state"
    )
    with connect(tmp_path / "ledger") as connection:
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9998) "
            f"INSERT INTO entry ({columns}) SELECT {columns} FROM entry, n"
        )
    begun = time.process_time()
    ledger.charge(asked("0.001"))
    charged = time.process_time() - begun
    state = ledger.state()
    assert len(state.entries) == 10_000
    assert state.spent_epsilon == "10"
    assert state.spent_pld == pytest.approx(accountants.gaussian(10.0, 1, 1e-6), rel=0.01)
    assert charged < 5
