"""Rule: one kind of finding, with why it matters, what to do and where it is explained."""

from dataclasses import dataclass

__all__ = ["Rule"]


@dataclass(frozen=True)
class Rule:
    """One kind of finding.

    Attributes
    ----------
    id
        The same in every version: other tools keep it.
    title
        What is looked at, in a few words.
    why
        Why it matters, in a sentence or two.
    action
        What to do where it is not as it should be.
    source
        The paper or rule behind it.
    heading
        Of the documentation that explains it.
    places
        Beginnings of the places in the record that it is about.
    """

    id: str
    title: str
    why: str
    action: str
    source: str
    heading: str
    places: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The source, and where the documentation explains it."""
        explained = f"documentation, “{self.heading}”"
        return f"{self.source}; {explained}" if self.source else explained
