"""How far all rows of one person move an exact answer: random tables, all kinds of questions."""

from collections import Counter
from random import Random

import pytest
from neighbouring_tables import largest_share
from persons import pair_of_persons, question_of_persons
from tables_to_ask import write_table

from trivet.privacy import Adjacency
from trivet.privacy.releases.question import prepare, read_exact, require_answerable
from trivet.privacy.releases.settings import Question
from trivet.tables.opening import open_table


def largest_shares(random, folder, suffix, pairs, *, asked_of_each=4):
    """The largest change of each kind of question, as a share of what its receipt would say."""
    found = Counter()
    for _ in range(pairs):
        one, other, adjacency = pair_of_persons(random, folder, suffix)
        with open_table(one, by_line=True) as first, open_table(other, by_line=True) as second:
            for _ in range(asked_of_each):
                asked = question_of_persons(random)
                prepared = prepare(
                    Question(**asked), first.columns, adjacency=adjacency, unit="who", salt=b"salt"
                )
                require_answerable(first, prepared)
                share = largest_share(prepared, read_exact(first, prepared), read_exact(second, prepared))
                assert share <= 1, (asked, adjacency)
                found[asked["query"]] = max(found[asked["query"]], share)
    return found


@pytest.mark.parametrize(("suffix", "seed"), [(".parquet", 1), (".csv", 2), (".duckdb", 3)])
def test_no_person_moves_an_answer_further_than_is_charged_for(tmp_path, suffix, seed):
    found = largest_shares(Random(seed), tmp_path, suffix, 10)
    assert len(found) > 6


#: Names that the SQL of releases gives, or gave, to what it computes.
OWN = ["unit", "key", "steps", "place", "code", "home", "home_of", "chosen", "rows_asked"]


@pytest.mark.parametrize("suffix", [".parquet", ".duckdb"])
def test_the_names_of_columns_change_no_answer(tmp_path, suffix):
    rows = [(str(i // 3), "north" if i % 2 else "south", i % 5, f"k{i % 3}") for i in range(90)]
    # In both parts; the first has all.
    questions = [
        {"query": "units", "within": "north"},
        {"query": "units", "within": "south"},
        {"query": "count", "within": "north", "max_rows": 2, "by": 3, "keys": ("k0", "k2")},
        {"query": "sum", "within": "north", "max_rows": 3, "column": 2, "bounds": (0, 3), "missing": "drop"},
    ]

    def answers(*names):
        types = dict(zip(names, ["VARCHAR", "VARCHAR", "BIGINT", "VARCHAR"], strict=True))
        found = []
        with open_table(write_table(tmp_path / f"{'-'.join(names)}{suffix}", types, rows)) as opened:
            for asked in questions:
                named = {of: names[asked[of]] for of in ("by", "column") if of in asked}
                prepared = prepare(
                    Question(**asked | named, where=f'"{names[2]}" > 0'),
                    opened.columns,
                    adjacency=Adjacency.ADD_REMOVE,
                    unit=names[0],
                    parted_by=names[1],
                    salt=b"salt",
                )
                found.append(read_exact(opened, prepared))
        return found

    expected = answers("a", "b", "c", "d")
    assert [found[None] for found in expected[:2]] == [((30,),), ((0,),)]
    for place in range(len(OWN)):
        assert answers(*(OWN[place:] + OWN[:place])[:4]) == expected


@pytest.mark.slow
def test_ten_thousand_pairs_of_tables_that_differ_by_one_person(tmp_path):
    found = Counter()
    for seed, suffix in enumerate([".parquet", ".csv", ".duckdb"]):
        found |= largest_shares(Random(seed), tmp_path, suffix, 3_334, asked_of_each=1)
    # Each kind is reached, so that no noise is wasted on it.
    assert all(share > 0.9 for share in found.values()), found
