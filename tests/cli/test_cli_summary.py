import pytest

from trivet.cli.run import shortened


@pytest.mark.parametrize(
    ("profile", "words"), [("high-fidelity", ""), ("smoke", "The profile smoke shortens the published")]
)
def test_a_shortened_search_is_not_shown_as_the_published_one(profile, words):
    study = {"published": {"settings": {"profile": profile}}, "corrected": {}}
    assert bool(shortened({"security": study})) is bool(words)
    assert words in shortened({"security": study})
    assert shortened({"security": None}) == ""
