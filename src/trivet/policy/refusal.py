"""Refusal, before anything is measured, of requirements that no record can satisfy."""

from collections.abc import Sequence

from trivet.errors import UsageError
from trivet.policy.judgement import misfit
from trivet.policy.measuring import split_bound
from trivet.policy.requirement import Requirement
from trivet.policy.schema_places import nearest_names, values_at
from trivet.policy.short_names import SHORT_NAMES
from trivet.policy.words import candidate_words, place_words
from trivet.wording import one_line, quoted

__all__ = ["refuse_impossible"]


def refuse_impossible(requirements: Sequence[Requirement]) -> None:
    """Refuse requirements on places that no record has, or that compare what cannot be compared.

    Raises
    ------
    UsageError
        Naming all of them, each with the nearest names or the words that there are.
    """
    wrong = [
        f"{quoted(requirement.text)}: {why}"
        for requirement in requirements
        if (why := _why_impossible(requirement))
    ]
    if wrong:
        raise UsageError(f"[policy] require {'; '.join(wrong)}.")


def _why_impossible(requirement: Requirement) -> str | None:
    name, bound = split_bound(requirement.path)
    if name in SHORT_NAMES:
        meanings = [
            ("" if each.derive else each.place, candidate_words(each))
            for each in SHORT_NAMES[name]
            if each.derive is None or bound is None
        ]
    else:
        meanings = [(name, place_words(name))]
    values = [
        (value, words)
        for place, words in meanings
        for value in (values_at(f"{place}.{bound}" if bound else place) if place else ("",))
    ]
    if not values:
        return _nothing_there(name, bound)
    found = [misfit(requirement, value, words) for value, words in values]
    if None in found:
        return None
    words = tuple(dict.fromkeys(word for _, some in values for word in some))
    return misfit(requirement, words[0], words) if words else found[0]


def _nothing_there(name: str, bound: str | None) -> str:
    if bound is not None:
        return f"{name} has no interval, so no .{bound}"
    near = nearest_names(name)
    hint = f"nearest: {', '.join(near)}" if near else "`trivet schema` prints all places"
    return f"no record has “{one_line(name)}”; {hint}"
