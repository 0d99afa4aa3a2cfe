"""Law on thresholds that depend on the group, a line for each jurisdiction; not legal advice."""

from typing import Final

__all__ = ["LAW"]

LAW: Final = (
    (
        "United States, employment: it is unlawful to use different cut-off scores, or to adjust scores, in "
        "employment-related tests by race, color, religion, sex or national origin (Civil Rights Act of "
        "1991, section 106; 42 U.S.C. 2000e-2(l))."
    ),
    (
        "United States, employment: a selection rate below four fifths of that of the group with the highest "
        "is generally taken as evidence of adverse impact; this rule is of employment only (29 CFR "
        "1607.4(D)). Here groups are held against the reference group, which need not be that one."
    ),
    (
        "United States, credit: a creditor may not consider race, color, religion, national origin or sex "
        "in any aspect of a credit transaction, except as the law provides (12 CFR 1002.6(b)(9))."
    ),
    (
        "European Union, insurance: sex may make no difference to premiums and benefits (Directive "
        "2004/113/EC, Article 5(1), after case C-236/09, Test-Achats)."
    ),
)
