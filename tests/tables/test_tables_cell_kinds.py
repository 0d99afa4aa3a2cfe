"""Kinds of cells: what each is called, and that blocks of a file add up to the file."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.tables import cell_kinds, csv_lines
from trivet.tables.cell_kinds import CellKind, is_identifier, survey
from trivet.tables.header import read_header

KINDS = {
    CellKind.EMPTY: ["", " "],
    CellKind.WHOLE: ["0", "-17", "+5", " 42 ", "007"],
    CellKind.POINT: ["1.5", "-0.25", "1007.500", ".5", "1.", "1e5", "2.5E-3"],
    CellKind.POINT_OR_GROUP: ["1.007", "-12.500"],
    CellKind.COMMA: [
        "1,5",
        "1007,50",
        "1.007,50",
        "1 007,5",
        "1\u00a0007,5",
        "1'007,25",
        ",5",
        "1007,500",
        "1,0000",
    ],
    CellKind.COMMA_OR_GROUP: ["1,007", "-123,456"],
    CellKind.COMMA_GROUPS: ["1,007.50", "1,234,567", "-1,234,567.8"],
    CellKind.POINT_GROUPS: ["1.234.567"],
    CellKind.SPACE_GROUPS: ["1 007", "1\u202f007\u202f000", "12 500.25"],
    CellKind.APOSTROPHE_GROUPS: ["1'007.50", "1\u2019234\u2019567"],
    CellKind.ODD_GROUPS: ["1000.000,5", "1,07,000.50", "1.00.000,5"],
    CellKind.SIGNED: ["$1007", "1.007,50 €", "EUR 5", "12 %", "12.5%", "-£3", "£-3"],
    CellKind.ISO: ["2024-06-01", "2024-6-1", "2024-06-01T12:30:05.25Z", "2024-06-01 12:30+02:00"],
    CellKind.DAY_FIRST: ["01.06.2024", "13/06/2024", "31-12-2024 08:15"],
    CellKind.MONTH_FIRST: ["06/13/2024", "1.31.2024"],
    CellKind.EITHER_FIRST: ["01/06/2024", "1-6-2024", "13/13/2024"],
    CellKind.TRUTH: ["true", "FALSE"],
    CellKind.MARK: ["NA", "n/a", "-", "NaN", "null", "?"],
    CellKind.TEXT: [
        "Bonn",
        "p17",
        "24 rue X",
        "1.2.3",
        "12:30",
        "ABC 123",
        "1,07,000",
        "20240601Z",
        "\u0661",
        "x" * 99,
    ],
}


def surveyed(folder, cells, header="x"):
    path = folder / "t.csv"
    path.write_text("\n".join([header, *(f'"{cell}"' for cell in cells)]) + "\n", encoding="utf-8")
    found = read_header(path)
    return survey(path, found, range(len(found.names)))


@pytest.mark.parametrize(("kind", "cell"), [(kind, cell) for kind, cells in KINDS.items() for cell in cells])
def test_a_cell_is_called_what_it_is(tmp_path, kind, cell):
    (column,) = surveyed(tmp_path, [cell])["columns"]
    assert column["kinds"] == {kind.name: 1}
    assert column["examples"].get(kind.name) == (None if kind is CellKind.EMPTY else cell[:80])


known = st.sampled_from([(kind, cell) for kind, cells in KINDS.items() for cell in cells])


@given(some=st.lists(known, min_size=1, max_size=30), block=st.sampled_from([7, 64, 2**22]))
def test_all_cells_of_all_blocks_are_counted(tmp_path_factory, some, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_BLOCK", block)
        (column,) = surveyed(tmp_path_factory.getbasetemp(), [cell for _, cell in some])["columns"]
    assert column["kinds"] == Counter(kind.name for kind, _ in some)
    assert column["values"] == len({cell for _, cell in some} - {""})
    blanks = [cell for kind, cell in some if kind is CellKind.TEXT and cell != cell.strip()]
    assert column["blanks"] == len(blanks)


def test_values_are_counted_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(cell_kinds, "_VALUES", 100)
    (few,) = surveyed(tmp_path, [str(i % 100) for i in range(500)])["columns"]
    assert (few["values"], few["all"], few["looked_at"]) == (100, True, 500)
    monkeypatch.setattr(csv_lines, "_BLOCK", 1_000)
    found = surveyed(tmp_path, [str(i) for i in range(5_000)])["columns"][0]
    assert (found["all"], found["kinds"]) == (False, {"WHOLE": 5_000})
    assert found["values"] < 500
    found = surveyed(tmp_path, [str(i // 2) for i in range(5_000)], header="patient_id")
    assert found["named"] == [0]
    assert (found["columns"][0]["values"], found["columns"][0]["looked_at"]) == (2_500, 5_000)


def test_names_of_identifiers():
    for name in ("id", "patient_id", "Customer", "user.id", "personId", "householdID", "ID"):
        assert is_identifier(name), name
    for name in ("paid", "valid", "age", "identity", "video", "income"):
        assert not is_identifier(name), name


def test_lines_are_noted_beside_the_cells(tmp_path):
    found = surveyed(tmp_path, ["1", "2"] * 5, header="a,b")
    assert found["lines"] == {"fewer cells than columns": [10, [2, 3, 4, 5, 6]]}
