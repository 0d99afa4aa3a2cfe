"""``[privacy.plan]`` of audit.toml: what it may say, and the clause for what it may not."""

import pytest

from trivet.config import load_config
from trivet.errors import UsageError
from trivet.privacy.planning import PlanSettings, QuerySettings

GOOD = """
[privacy.plan]
epsilon = 0.1
delta = 1e-5
group = 2

[[privacy.plan.queries]]
name = "visits"
count = 90
sensitivity = 1

[[privacy.plan.queries]]
name = "income"
kind = "sum"
bounds = [0, 50000]
share = 3

[[privacy.plan.queries]]
name = "ages"
cells = 92
touches = 2
"""


def load(tmp_path, text):
    path = tmp_path / "audit.toml"
    path.write_text(text)
    return load_config(path).privacy.plan


def test_a_table_is_a_plan(tmp_path):
    assert load(tmp_path, GOOD) == PlanSettings(
        epsilon=0.1,
        delta=1e-5,
        group=2,
        queries=(
            QuerySettings(name="visits", count=90, sensitivity=1.0),
            QuerySettings(name="income", kind="sum", bounds=(0.0, 50000.0), share=3.0),
            QuerySettings(name="ages", cells=92, touches=2),
        ),
    )
    assert load(tmp_path, "") is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("epsilon = 1", "a plan needs at least one query"),
        ("epsilon = 0\nqueries = [{sensitivity = 1}]", "plan.epsilon should be greater than 0"),
        ("epsilon = 1e7\nqueries = [{sensitivity = 1}]", "plan.epsilon should be less than or equal to"),
        ("delta = 1\nqueries = [{sensitivity = 1}]", "plan.delta should be less than 1"),
        ("group = 0\nqueries = [{sensitivity = 1}]", "plan.group should be greater than or equal to 1"),
        ("mechanism = 'staircase'\nqueries = [{sensitivity = 1}]", "plan.mechanism should be"),
        ("adjacency = 'both'\nqueries = [{sensitivity = 1}]", "plan.adjacency should be"),
        ("threshold = 3\nqueries = [{sensitivity = 1}]", "threshold is compared with value"),
        ("queries = [{count = 0, sensitivity = 1}]", "plan.queries number 1, count should be"),
        ("queries = [{sensitivity = -1}]", "plan.queries number 1, sensitivity should be"),
        ("queries = [{sensitivity = inf}]", "plan.queries number 1, sensitivity should be"),
        ("queries = [{sensitivity = 1, share = 0}]", "plan.queries number 1, share should be"),
        ("queries = [{sensitivity = 1, scale = 0}]", "plan.queries number 1, scale should be"),
        ("queries = [{count = 3}]", "exactly one of sensitivity, cells"),
        ("queries = [{sensitivity = 1, cells = 3}]", "it has sensitivity and cells"),
        ("queries = [{kind = 'vector'}]", "a vector needs cells"),
        ("queries = [{kind = 'sum'}]", "a sum needs bounds"),
        ("queries = [{bounds = [3, 3]}]", "3.0 is not below 3.0"),
        ("queries = [{sensitivity = 1, touches = 3}]", "touches belongs to a vector"),
        ("queries = [{cells = 2, touches = 3}]", "more than the 2 cells"),
        (
            "queries = [{sensitivity = 1, name = 'a'}, {sensitivity = 2, name = 'a'}]",
            "two queries are called",
        ),
    ],
)
def test_a_table_that_cannot_be_is_one_clear_line(tmp_path, table, message):
    with pytest.raises(UsageError) as refusal:
        load(tmp_path, f"[privacy.plan]\n{table}\n")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith("audit.toml has an error: [privacy] plan")
