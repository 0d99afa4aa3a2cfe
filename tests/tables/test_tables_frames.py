"""Data frames of pandas: names that repeat or lack, types with missing values, and the index."""

import numpy as np
import pandas as pd
import pytest
from tables_of_every_kind import COLUMNS, ROWS

from trivet.errors import UsageError
from trivet.fairness import group_counts
from trivet.tables.opening import open_table, table_file


def test_frames_of_pandas_follow_the_same_rules_and_their_index_is_not_a_column():
    frame = pd.DataFrame(list(map(list, ROWS)), columns=list(COLUMNS), index=range(7, 67))
    plain = group_counts(frame, "label", "pred", "sex")
    frame.insert(6, "again", frame["age"])
    frame["other"] = np.arange(60) % 4
    frame.columns = [*COLUMNS, "age", "age"]
    with pytest.raises(UsageError, match="3 columns have this name and other values"):
        group_counts(frame, "label", "pred", "age")
    typed = frame.astype({"label": "Int64", "pred": "boolean", "sex": "category"})
    typed["sex"] = typed["sex"].cat.add_categories("nobody")
    for each in (frame, typed):
        counts = group_counts(each, "label", "pred", "sex")
        assert counts.groups == plain.groups
        np.testing.assert_array_equal(counts.table, plain.table)
    with table_file(frame) as file, open_table(file) as opened:
        names = [column.name for column in opened.columns]
    assert names == ["sex", "age.0", "x", "label", "pred", "score", "age.1", "age.2"]
    with table_file(frame.iloc[:, :7]) as file, open_table(file) as opened:
        assert [column.name for column in opened.columns] == list(COLUMNS)
    frame.columns = [0, 1, 2, 3, 4, 5, None, ""]
    np.testing.assert_array_equal(group_counts(frame, 3, 4, 0).table, plain.table)
