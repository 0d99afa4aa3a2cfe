"""Ledgers: what they charge, show and refuse, and files that are none."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from pydantic import TypeAdapter

from trivet.errors import DataError, UsageError
from trivet.privacy.releases.amounts import rounded
from trivet.privacy.releases.ledger import (
    Asked,
    append_entry,
    create_ledger,
    open_ledger,
    read_entries,
)
from trivet.privacy.releases.ledger_file import connect
from trivet.privacy.releases.results import LedgerState


def asked(epsilon, *, delta="0", scales=(10.0,)):
    return Asked(
        table="people.csv",
        fingerprint="ab" * 32,
        query="count",
        asked='count, where "age" > 3',
        mechanism="discrete Laplace",
        scales=scales,
        epsilon=epsilon,
        delta=delta,
    )


def test_fifty_tenths_are_exactly_five(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="5")
    for number in range(1, 51):
        assert ledger.charge(asked("0.1")) == f"{ledger.id}-{number}"
    with pytest.raises(UsageError, match=r"refuses epsilon 0\.000001: 5 of 5 is spent \(basic composition\)"):
        ledger.charge(asked("0.000001"))
    state = ledger.state()
    assert (state.spent_epsilon, state.left_epsilon, len(state.entries)) == ("5", "0", 50)


def test_a_refusal_names_what_the_accounting_of_the_ledger_has_spent(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="2", delta="0.001", accounting="pld")
    ledger.charge(asked("3", scales=(10.0,) * 30))
    spent = ledger.state().spent_pld
    said = rounded(spent, 6, upwards=True)
    assert spent <= float(said) < spent + 1e-5
    with pytest.raises(UsageError, match=rf"{said} of 2 is spent \(pld composition\)"):
        ledger.charge(asked("3", scales=(10.0,) * 30))


def test_nobody_else_writes_between_the_sum_and_the_charge(tmp_path, monkeypatch):
    ledger = create_ledger(tmp_path / "ledger", epsilon="5")
    refused = []

    def meddle(connection, *, ledger):
        entries = read_entries(connection, ledger=ledger)
        with closing(sqlite3.connect(tmp_path / "ledger", timeout=0)) as other:
            try:
                append_entry(other, asked("5"))
                other.commit()
            except sqlite3.OperationalError as error:
                refused.append(str(error))
        return entries

    monkeypatch.setattr("trivet.privacy.releases.ledger.read_entries", meddle)
    ledger.charge(asked("0.1"))
    monkeypatch.undo()
    assert refused == ["database is locked"]
    assert ledger.state().spent_epsilon == "0.1"


def test_deltas_are_added_as_well(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="5", delta="3e-7")
    for _ in range(3):
        ledger.charge(asked("0.1", delta="1e-7"))
    with pytest.raises(UsageError, match=r"0\.0000003 of delta 3e-7"):
        ledger.charge(asked("0.1", delta="1e-12"))
    assert (ledger.state().spent_delta, ledger.state().left_delta) == ("0.0000003", "0")


def test_a_state_tells_all_and_survives_json(tmp_path):
    ledger = create_ledger(tmp_path / "l", epsilon="1.50", delta="1e-6", adjacency="replace-one")
    first, second = ledger.charge(asked("0.25")), ledger.charge(asked("0.5", scales=(1.5, 2.5)))
    ledger.mark_answered(second)
    state = open_ledger(tmp_path / "l").state()
    assert [entry.state for entry in state.entries] == ["charged", "answered"]
    assert [entry.id for entry in state.entries] == [first, second]
    assert state.entries[1].scales == (1.5, 2.5)
    assert state.entries[0].asked == 'count, where "age" > 3'
    assert (state.epsilon, state.delta, state.adjacency, state.unit) == (
        "1.50",
        "1e-6",
        "replace-one",
        "one row",
    )
    assert (state.spent_epsilon, state.left_epsilon) == ("0.75", "0.75")
    assert 0 < state.spent_pld <= 0.75 <= state.left_pld + 1e-6
    adapter = TypeAdapter(LedgerState)
    assert adapter.validate_json(adapter.dump_json(state)) == state


def test_without_a_delta_there_is_no_loss_distribution(tmp_path):
    state = create_ledger(tmp_path / "ledger", epsilon="5").state()
    assert (state.spent_pld, state.left_pld) == (None, None)
    assert state.pld_reason == "the budget has no delta"


def test_accounting_by_loss_distribution_lets_more_through(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="1", delta="1e-6", accounting="pld")
    for _ in range(100):  # basic composition would have stopped at 50
        ledger.charge(asked("0.02"))
    left = ledger.state().left_pld
    with pytest.raises(UsageError, match=r"pld composition"):
        ledger.charge(asked("0.9"))
    assert 0 < left < 0.9
    ledger.charge(asked(f"{left:.10f}"[:-4]))
    assert ledger.state().spent_pld <= 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epsilon": "0"}, "epsilon must be a positive decimal"),
        ({"epsilon": "1", "delta": "1"}, "delta must be a decimal"),
        ({"epsilon": "1", "adjacency": "nearby"}, "expected one of: add-remove, replace-one"),
        ({"epsilon": "1", "accounting": "rdp"}, "expected one of: basic, pld"),
        ({"epsilon": "1", "accounting": "pld"}, "needs a delta"),
        # Of which a double makes 1.
        (
            {"epsilon": "1", "accounting": "zcdp", "delta": "0.99999999999999999999"},
            "delta must be a decimal",
        ),
        ({"epsilon": "1", "unit": ""}, "--unit names a column"),
        ({"epsilon": "1", "unit": "\udcff"}, "--unit names a column"),
        ({"epsilon": "1", "parted_by": ""}, "--parted-by names a column"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(tmp_path, settings, said):
    with pytest.raises(UsageError, match=said):
        create_ledger(tmp_path / "ledger", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_overwritten(tmp_path):
    for name in ("ledger", "letter.txt"):
        path = tmp_path / name
        path.write_bytes(b"dear diary")
        with pytest.raises(UsageError, match="is there already"):
            create_ledger(path, epsilon="1")
        assert path.read_bytes() == b"dear diary"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger", "letter.txt"]


def test_a_link_to_nowhere_is_not_written_through(tmp_path):
    (tmp_path / "ledger").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is there already"):
        create_ledger(tmp_path / "ledger", epsilon="1")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["a b.ledger", "50%.ledger", "what?.ledger", "#1", "ü", "x;y'z"])
def test_a_ledger_may_be_called_anything(tmp_path, name):
    ledger = create_ledger(tmp_path / name, epsilon="1")
    ledger.charge(asked("0.5"))
    assert open_ledger(tmp_path / name).state().left_epsilon == "0.5"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def text(path):
    path.write_text("Dear diary, " * 50, encoding="utf-8")


def empty(path):
    path.write_bytes(b"")


def foreign(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE budget (epsilon TEXT)")
        connection.commit()


def wal_of_another(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE budget (epsilon TEXT)")
        connection.commit()


def patched(at, new):
    def make(path):
        ledger = create_ledger(path, epsilon="5")
        ledger.charge(asked("1"))
        content = bytearray(path.read_bytes())
        content[at : at + len(new)] = new
        path.write_bytes(content)

    return make


def truncated(path):
    ledger = create_ledger(path, epsilon="5")
    ledger.charge(asked("1"))
    path.write_bytes(path.read_bytes()[:-5000])


def only_a_header(path):
    create_ledger(path, epsilon="5")
    path.write_bytes(path.read_bytes()[:100])


def changed(statement):
    def make(path):
        create_ledger(path, epsilon="5").charge(asked("1"))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
            connection.commit()

    return make


#: It would clear the screen.
PAST = '{"id": "0123abcd", "period": "2026", "digest": "", "epsilon": "\\u001b[2J", "delta": "0", "rho": "0"}'


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (text, "SQLite file"),
        (empty, "SQLite file"),
        (foreign, "a database of another program"),
        (wal_of_another, "a database of another program"),
        (patched(60, (3).to_bytes(4, "big")), "has format 3, and this trivet reads 1 to 2"),
        (patched(60, (1).to_bytes(4, "big")), "tables are not those of a ledger"),
        (patched(18, b"\x02\x02"), "keeps a write-ahead log"),
        (patched(4096, b"\xff" * 64), "is damaged"),
        (patched(110, b"\xff" * 200), "is damaged"),
        (truncated, "is damaged"),
        (only_a_header, "is damaged"),
        (changed("DROP TABLE entry"), "tables are not those of a ledger"),
        (changed("DELETE FROM budget"), "has no budget"),
        (changed("UPDATE budget SET epsilon = '1000 and more'"), "its budget cannot be read"),
        (changed("UPDATE budget SET past = '{}'"), "its budget cannot be read"),
        (changed("""UPDATE budget SET past = '[{"id": "0123abcd"}]'"""), "its budget cannot be read"),
        (changed(f"UPDATE budget SET past = '[{PAST}]'"), "its budget cannot be read"),
        (changed("UPDATE entry SET epsilon = '-5'"), "entry 1 cannot be read"),
        (changed("UPDATE entry SET scales = '[]'"), "entry 1 cannot be read"),
    ],
)
def test_what_is_no_ledger_is_refused_and_left_as_it_is(tmp_path, make, said):
    path = tmp_path / "ledger"
    make(path)
    before = path.read_bytes()
    for use in (lambda: open_ledger(path).state(), lambda: open_ledger(path).charge(asked("0.1"))):
        with pytest.raises(DataError, match=said) as refused:
            use()
        assert "\n" not in str(refused.value)
        assert path.read_bytes() == before
        assert [each.name for each in tmp_path.iterdir()] == ["ledger"]


def test_a_ledger_that_is_swapped_while_it_is_open_is_looked_at_again(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="5")
    text(tmp_path / "ledger")
    with pytest.raises(DataError, match="SQLite file"):
        ledger.charge(asked("1"))
    (tmp_path / "ledger").unlink()
    other = create_ledger(tmp_path / "other", epsilon="500")
    shutil.copy(tmp_path / "other", tmp_path / "ledger")
    with pytest.raises(DataError, match="another ledger"):
        ledger.charge(asked("1"))
    assert other.state().entries == ()


def test_missing_and_folders(tmp_path):
    with pytest.raises(DataError, match=r"is not there; make one with `trivet privacy ledger"):
        open_ledger(tmp_path / "none")
    with pytest.raises(DataError, match="is not a file"):
        open_ledger(tmp_path)
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        create_ledger(tmp_path / "no folder" / "ledger", epsilon="1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="1")
    (tmp_path / "ledger").chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="make both writable"):
            ledger.charge(asked("0.1"))
        with pytest.raises(UsageError, match="cannot be written: Permission denied"):
            create_ledger(tmp_path / "second", epsilon="1")
        assert ledger.state().left_epsilon == "1"
    finally:
        tmp_path.chmod(0o700)


def test_a_look_at_the_file_in_one_thread_keeps_another_s_hold_on_it(tmp_path):
    """Closing any descriptor of a file drops a process's locks on it; SQLite cannot know."""
    path = tmp_path / "l.db"
    create_ledger(path, epsilon="1")
    attempt = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
        "try:\n    connection.execute('BEGIN IMMEDIATE')\n    print('began')\n"
        "except sqlite3.OperationalError as error:\n    print(error)\n"
    )

    def another_process():
        command = [sys.executable, "-c", attempt, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    looked = threading.Thread(target=open_ledger, args=(path,))
    with connect(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        looked.start()
        looked.join(timeout=0.5)
        assert another_process() == "database is locked"
        assert looked.is_alive()
        connection.execute("ROLLBACK")
    looked.join(timeout=30)
    assert not looked.is_alive()
    assert another_process() == "began"


def test_a_ledger_is_for_its_keeper_alone(tmp_path):
    create_ledger(tmp_path / "l.db", epsilon="1")
    assert (tmp_path / "l.db").stat().st_mode & 0o077 == 0


def test_a_second_name_is_refused_and_both_are_left_as_they_are(tmp_path):
    path, other = tmp_path / "l.db", tmp_path / "other.db"
    ledger = create_ledger(path, epsilon="1")
    before = path.read_bytes()
    other.hardlink_to(path)
    for called in (path, other):
        with pytest.raises(DataError, match="has 2 names"):
            open_ledger(called)
    with pytest.raises(DataError, match="has 2 names"):
        ledger.state()
    assert path.read_bytes() == before
    other.unlink()
    assert ledger.state().left_epsilon == "1"


def test_a_ledger_in_the_place_of_another_is_not_taken_for_it(tmp_path):
    path = tmp_path / "l.db"
    ledger = create_ledger(path, epsilon="1")
    path.unlink()
    create_ledger(path, epsilon="9")
    with pytest.raises(DataError, match="is another ledger than it was"):
        ledger.state()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE budget SET id = char(27) || '[31mx'",
        "UPDATE budget SET created = 'soon' || char(10) || '::error::x'",
        "UPDATE entry SET scales = '[NaN]'",
        "UPDATE entry SET scales = '[-1]'",
        "UPDATE entry SET scales = '[1" + "0" * 400 + "]'",
        "UPDATE entry SET scales = '" + "[" * 20_000 + "'",
        "UPDATE entry SET epsilon = '-5'",
    ],
    ids=["id", "created", "nan", "negative", "huge", "deep", "epsilon"],
)
def test_an_edited_ledger_is_damaged_in_one_line(tmp_path, edit):
    create_ledger(tmp_path / "ledger", epsilon="5").charge(asked("0.1"))
    with closing(sqlite3.connect(tmp_path / "ledger")) as connection:
        connection.execute(edit)
        connection.commit()
    with pytest.raises(DataError, match="is damaged") as caught:
        open_ledger(tmp_path / "ledger").charge(asked("0.1"))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("link", "is a link; name the file"),
        ("/dev/null", "is not a file"),
        ("a\0b", "is not there"),
    ],
)
def test_links_devices_and_impossible_names_are_refused(tmp_path, path, said):
    create_ledger(str(tmp_path / "ledger"), epsilon="5")
    (tmp_path / "link").symlink_to(tmp_path / "ledger")
    with pytest.raises(DataError, match=said):
        open_ledger(str(tmp_path / path))
    if "\0" in path:
        with pytest.raises(UsageError, match="cannot be written: embedded null"):
            create_ledger(str(tmp_path / path), epsilon="5")


def test_a_folder_that_cannot_be_searched_is_one_line(tmp_path, monkeypatch):
    def denied(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.is_file", denied)
    with pytest.raises(DataError, match=r"ledger cannot be read: Permission denied\.$"):
        open_ledger(tmp_path / "ledger")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits are POSIX's")
def test_a_full_disk_is_one_line_and_nothing_is_charged(tmp_path):
    ledger = create_ledger(tmp_path / "ledger", epsilon="5")
    ledger.charge(asked("0.1"))
    program = (
        "import resource, signal, sys; from trivet.privacy.releases.ledger import create_ledger, open_ledger;"
        "from trivet.privacy.releases.ledger import Asked; from trivet.errors import DataError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "asked = Asked(table='t', fingerprint='', query='count', asked='', mechanism='', scales=(1.0,),"
        " epsilon='0.1', delta='0')\n"
        "for act in (lambda: open_ledger(sys.argv[1]).charge(asked),"
        " lambda: create_ledger(sys.argv[1] + '2', epsilon='1')):\n"
        "    try: act()\n"
        "    except DataError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "ledger")], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert "could not be written" in first
    assert "Nothing was answered." in first
    assert "cannot be written: File too large." in second
    assert len(ledger.state().entries) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger"]


@pytest.mark.parametrize("accounting", ["basic", "pld"])
def test_the_state_of_five_hundred_entries_takes_no_time(tmp_path, accounting):
    ledger = create_ledger(tmp_path / "ledger", epsilon="10", delta="1e-6", accounting=accounting)
    with connect(ledger.path) as connection:
        connection.execute("BEGIN")
        for number in range(500):
            append_entry(connection, asked(("0.01", "0.02", "0.015", "0.002", "0.0125")[number % 5]))
        connection.execute("COMMIT")
    before = time.process_time()
    state = ledger.state()
    assert time.process_time() - before < 4
    assert 0 < state.spent_pld < float(state.spent_epsilon)
    assert 10 > state.left_pld > float(state.left_epsilon)
