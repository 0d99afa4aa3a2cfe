"""Page and figure of a comparison of two audits."""

from pathlib import Path
from typing import Final

from trivet.comparison import Comparison, outcome_text, sides_text, verdict_tone
from trivet.report.compared.facts import page_facts
from trivet.report.compared.picture import alt_differences, draw_differences, has_differences
from trivet.report.document import read_templates
from trivet.report.pages import Picture, write_page
from trivet.report.verdicts import Verdict

__all__ = ["COMPARED_PAGE", "write_compared_page"]

COMPARED_PAGE: Final = "compare.html"
PICTURE: Final = "compared_differences"
PROSE: Final = Path(__file__).parent.parent / "templates" / "compared"


def write_compared_page(comparison: Comparison, folder: str | Path) -> tuple[Path, ...]:
    """Write ``compare.html`` and its picture.

    Parameters
    ----------
    comparison
        What changed.
    folder
        Receives the page and ``figures/``; made if it is missing.

    Returns
    -------
    tuple of Path
        The files, the page first. The same input gives the same bytes.

    Raises
    ------
    UsageError
        `folder` cannot be written.
    """
    pictures: dict[str, Picture] = {}
    if has_differences(comparison):
        pictures[PICTURE] = Picture(draw_differences(comparison), alt_differences(comparison))
    return write_page(
        Path(folder) / COMPARED_PAGE,
        facts={**page_facts(comparison), "pictures": {PICTURE: bool(pictures)}},
        prose=read_templates(PROSE),
        pictures=pictures,
        possible=(PICTURE,),
        verdicts=_verdicts(comparison),
    )


def _verdicts(comparison: Comparison) -> list[Verdict]:
    count = len(comparison.regressions)
    word = f"{count} regression{'s'[: count > 1]}" if count else "no regression"
    found = [Verdict("overall", "bad" if count else "good", word, (comparison.statement,))]
    for change in comparison.verdicts:
        if change.title in {"security", "privacy", "fairness"}:
            before, after = sides_text(change)
            moved = f"{before} → {after}" if before != after else after
            reason = "As before." if before == after else f"What became of it: {outcome_text(change)}."
            found.append(Verdict(change.title, verdict_tone(after), moved, (reason,)))
    return found
