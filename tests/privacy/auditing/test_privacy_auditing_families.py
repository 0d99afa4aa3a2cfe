"""What each family proposes, on answers small enough to check by eye."""

import math

import pytest

from trivet.privacy.mechanism.answers import Answers, Sample
from trivet.privacy.mechanism.families import FAMILIES, form, intervals, likelihood, order, thresholds, values


def propose(family, on_a, on_b):
    proposed = list(family(Sample(Answers(on_a), Answers(on_b), 0, 1)))
    return {event.words: event for event in proposed}


def held(event, answers):
    return event.holds(Answers(answers)).tolist()


def test_thresholds_lie_at_answers_and_say_what_they_test():
    found = propose(thresholds, [1, 2, 3], [2, 3, 4])
    assert set(found) == {"answer > 1", "answer > 2", "answer > 3", "answer > 4"}
    assert held(found["answer > 2"], [1, 2, 3, None, math.nan, math.inf]) == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_thresholds_of_doubles_are_round_in_units_of_their_spread():
    narrow = [1_000_000 + k / 700 for k in range(700)]
    cuts = [words.removeprefix("answer > ") for words in propose(thresholds, narrow, narrow)]
    assert len(cuts) > 20
    assert all(1_000_000 <= float(cut) < 1_000_001 for cut in cuts)
    assert max(len(cut.partition(".")[2]) for cut in cuts) == 3


def test_intervals_are_all_pairs_of_quantiles():
    found = propose(intervals, [0, 1, 2], [0, 1, 2])
    assert set(found) == {"0 < answer <= 1", "0 < answer <= 2", "1 < answer <= 2"}
    assert held(found["0 < answer <= 2"], [0, 1, 2, 3, None]) == [False, True, True, False, False]


def test_a_vector_is_also_seen_as_differences_sum_extremes_and_norm():
    found = propose(thresholds, [(0, 3), (4, 0)], [(0, 3), (4, 1)])
    names = {words.split(" > ")[0] for words in found}
    assert names == {
        "answer[0]",
        "answer[1]",
        "answer[1] - answer[0]",
        "the sum",
        "the largest number",
        "the smallest number",
        "the Euclidean norm",
    }
    assert held(found["the Euclidean norm > 4"], [(3.0, 4.0), (0.0, 4.0), "x"]) == [True, False, False]


def test_values_that_come_up_once_are_no_events():
    assert propose(values, [0.1, 0.2], [0.3, 0.4]) == {}


def test_values_tell_types_apart():
    found = propose(values, [1, 1.0, True], [1, 1.0, True])
    assert held(found["answer is 1"], [1, 1.0, True]) == [True, False, False]
    assert held(found["answer is True"], [1, 1.0, True]) == [False, False, True]


def test_sets_hold_the_values_that_speak_most_for_one_input():
    on_a, on_b = ["a"] * 9 + ["b"] * 5 + ["c"] + ["d"], ["a"] + ["b"] + ["c"] * 9 + ["d"] * 5
    found = propose(values, on_a, on_b)
    pairs = [held(e, ["a", "b", "c", "d"]) for words, e in found.items() if "one of 2" in words]
    assert sorted(pairs) == [[False, False, True, True], [True, True, False, False]]


def test_a_part_of_a_mixed_answer_has_values_of_its_own():
    found = propose(values, [("x", 0.1), ("y", 0.2)], [("x", 0.3), ("y", 0.4)])
    assert held(found["answer[0] is 'x'"], [("x", 0.9), ("y", 0.9), "x"]) == [True, False, False]


def test_answers_of_one_form_propose_none():
    assert propose(form, [1.0, 2.0], [3.0]) == {}
    assert propose(form, [(1, 2)], [(3, 4)]) == {}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "answer is None"),
        (math.nan, "answer is nan"),
        (-math.inf, "answer is -inf"),
        ("x", "answer is a str"),
        (7, "answer is an int"),
        (True, "answer is a bool"),
        ((1.0, 2.0), "answer is a list of 2"),
        ((1.0, math.nan), "answer is a list of 2, not all of them finite"),
        ({"y": 1}, "answer is a dict with the keys 'y'"),
    ],
)
def test_a_form_that_only_some_answers_have(answer, words):
    found = propose(form, [1.5, answer], [2.5])
    assert held(found[words], [1.5, answer, 2.5]) == [False, True, False]


def test_the_order_of_keys_and_a_missing_key_are_forms():
    found = propose(form, [{"x": 1, "y": 2}, {"x": 1}], [{"y": 2, "x": 1}])
    assert "answer is a dict with the keys 'y', 'x'" in found
    assert held(found["answer lacks answer['y']"], [{"x": 1, "y": 2}, {"x": 1}]) == [False, True]


def test_order_in_a_vector():
    found = propose(order, [(1, 2), (2, 1)], [(1, 1)])
    assert held(found["answer[1] is the largest"], [(1, 2), (2, 1)]) == [True, False]
    assert held(found["answer[1] is the smallest"], [(1, 2), (2, 1)]) == [False, True]
    assert held(found["two numbers are equal"], [(1, 2), (3, 3)]) == [False, True]
    assert propose(order, [1.0], [2.0]) == {}


def test_the_learnt_ratio_adds_up_over_independent_numbers():
    # Each number is 0 or 1; 1 comes three times as often on A at the first place, on B at the second.
    often, seldom = [0, 1, 1, 1] * 4, [1, 0, 0, 0] * 4
    on_a = [(x, y) for x in often for y in seldom]
    on_b = [(x, y) for x in seldom for y in often]
    found = propose(likelihood, on_a, on_b)
    assert len(found) == 3  # four scores, two of them equal: 2 ln 3, 0 twice and -2 ln 3
    scores = [sum(held(event, [pair])[0] for event in found.values()) for pair in [(1, 0), (0, 0), (0, 1)]]
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.parametrize("size", [1e308, 1e-320])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_stands_the_ends_of_the_doubles(family, size):
    on_a, on_b = [size * k / 100 for k in range(100, 180)], [-size * k / 100 for k in range(100, 180)]
    for sides in ((on_a, on_b), (on_a, on_a), ([(x, x) for x in on_a], [(x, -x) for x in on_b])):
        for event in FAMILIES[family](Sample(*map(Answers, sides), 0, 1)):
            assert event.holds(Answers(sides[0])).shape == (80,)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_stands_any_answer(family):
    odd = [
        *(None, True, 3, 10**400, 0.0, -0.0, 5e-324, 1.7e308, math.nan, math.inf, "x\n", b"y", (), {}),
        *((1, (2.0, "z")), {"k": 1.5, 3: None}, (math.inf, -math.inf), (math.nan, math.nan)),
    ]
    answers = Answers(odd)
    for event in FAMILIES[family](Sample(answers, Answers(odd[::-1]), "a", [1, 2])):
        holds = event.holds(answers)
        assert holds.dtype == bool
        assert holds.shape == (len(odd),)
        assert "\n" not in event.words + event.otherwise
