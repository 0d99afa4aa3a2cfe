"""The ledger with several processes at once, and with processes that are killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tables_to_ask import write_table

from trivet.errors import DataError
from trivet.privacy.releases import ledger_file
from trivet.privacy.releases.charges import fits
from trivet.privacy.releases.ledger import charge_of, create_ledger, open_ledger
from trivet.privacy.releases.releasing import release

#: Processes that are killed, two of three among releases.
KILLS = 6

LOOP = Path(__file__).with_name("release_in_a_loop.py")


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(LOOP), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture
def people(tmp_path):
    return write_table(tmp_path / "people.csv", {"age": "INTEGER"}, [(str(i),) for i in range(50)])


@pytest.mark.parametrize(
    ("count", "asked", "paid_for"), [(2, 80, 20), pytest.param(8, 200, 50, marks=pytest.mark.slow)]
)
def test_processes_that_ask_many_times_get_the_answers_that_are_paid_for(
    tmp_path, people, count, asked, paid_for
):
    ledger = tmp_path / "ledger"
    create_ledger(ledger, epsilon=f"{paid_for / 10:g}")
    processes = [start("at-once", people, ledger, "0.1", 1, asked // count) for _ in range(count)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    answers = Counter(entry for each in found for entry in each["answers"])
    assert len(answers) == paid_for
    assert set(answers.values()) == {1}
    assert sum(each["refused"] for each in found) == asked - paid_for
    state = open_ledger(ledger).state()
    assert (state.spent_epsilon, state.left_epsilon) == (f"{paid_for / 10:g}", "0")
    assert {entry.id for entry in state.entries} == set(answers)
    assert {entry.state for entry in state.entries} == {"answered"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed by POSIX means")
def test_no_process_that_is_killed_leaves_an_answer_that_was_not_charged(tmp_path, people):
    ledger = tmp_path / "ledger"
    create_ledger(ledger, epsilon="1000000")
    process = start("killed", people, ledger, "0.1", 1, KILLS)
    found = json.loads(process.communicate(timeout=300)[0])
    assert found["deaths"] == [signal.SIGKILL] * KILLS
    state = open_ledger(ledger).state()
    charged = {entry.id for entry in state.entries}
    assert len(found["answers"]) == len(set(found["answers"])) <= len(charged)
    assert set(found["answers"]) <= charged
    # Two kills of three fall among releases, after a first answer; the others at any time.
    assert len(found["answers"]) >= 2 * KILLS // 3
    # Each process left one release unfinished at most.
    assert len(charged) - len(found["answers"]) <= KILLS
    # A journal that the last one created and had not begun to write stays until the next charge.
    assert release(people, query="count", ledger=ledger, epsilon="1").receipt.entry not in charged
    assert sorted(tmp_path.glob("ledger*")) == [ledger]


#: A ledger of each kind that has room for about fifty charges, and the price of one.
KINDS = [
    ({"epsilon": "5"}, "0.1"),
    ({"epsilon": "5", "delta": "1e-6", "accounting": "pld"}, "0.7"),
    ({"epsilon": "5", "delta": "1e-6", "accounting": "pld"}, "rho 0.02"),
    ({"rho": "1"}, "rho 0.02"),
    ({"epsilon": "10", "delta": "1e-6", "accounting": "zcdp"}, "0.2"),
]


@pytest.mark.slow
@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize(("budget", "price"), KINDS)
def test_eight_processes_never_overspend_a_ledger_of_any_kind(tmp_path, people, budget, price, many):
    ledger = tmp_path / "ledger"
    create_ledger(ledger, **budget)
    processes = [start("at-once", people, ledger, price, many, 12) for _ in range(8)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    answers = [entry for each in found for entry in each["answers"]]
    state = open_ledger(ledger).state()
    assert sum(each["refused"] for each in found) == 8 * 12 - len(answers) // many > 0
    assert sorted(answers) == sorted(entry.id for entry in state.entries)
    assert len(answers) % many == 0
    charges = open_ledger(ledger).charges()
    assert fits(charges, open_ledger(ledger).budget)
    one = charge_of(state.entries[0])
    assert not fits((*charges, *[one] * many), open_ledger(ledger).budget)


@pytest.mark.slow
@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize(("budget", "price"), KINDS)
def test_thirty_kills_leave_no_answer_uncharged_and_no_half_batch(tmp_path, people, budget, price, many):
    ledger = tmp_path / "ledger"
    create_ledger(
        ledger, **{name: "1e6" if name in ("epsilon", "rho") else of for name, of in budget.items()}
    )
    process = start("killed", people, ledger, price, many, 30)
    found = json.loads(process.communicate(timeout=500)[0])
    assert found["deaths"] == [signal.SIGKILL] * 30
    charged = {entry.id for entry in open_ledger(ledger).state().entries}
    assert set(found["answers"]) <= charged
    assert len(charged) % many == 0
    assert len(charged) - len(found["answers"]) <= 30 * many


DIE_WHILE_WRITING = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
for number in range(1, 301):
    row = (number, "t", "t", "f", "count", "x" * 3000, "m", "[1]", "0.1", "0", "0", 0, "", "charged")
    connection.execute(f"INSERT INTO entry VALUES ({', '.join('?' * 14)})", row)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_half_written_charge_is_taken_back(tmp_path, people):
    path = tmp_path / "ledger"
    ledger = create_ledger(path, epsilon="5")
    whole = path.read_bytes()
    subprocess.run([sys.executable, "-c", DIE_WHILE_WRITING, str(path)], check=False)
    assert path.with_name("ledger-journal").stat().st_size > 0
    assert path.read_bytes() != whole
    assert ledger.state().entries == ()
    assert path.read_bytes() == whole
    assert not path.with_name("ledger-journal").exists()


def test_a_ledger_that_another_process_holds_is_said_to_be_held(tmp_path, monkeypatch, people):
    path = tmp_path / "ledger"
    create_ledger(path, epsilon="5")
    monkeypatch.setattr(ledger_file, "_PATIENCE", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DataError, match="held by another process"):
        release(people, query="count", ledger=path, epsilon="1")
    holder.execute("ROLLBACK")
    holder.close()
    assert release(people, query="count", ledger=path, epsilon="1").receipt.entry.endswith("-1")
