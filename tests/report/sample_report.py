"""A small record, its prose and its figures, for tests of the report's machinery."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from trivet.report.text import tree

#: Text that must stay text in every output.
HOSTILE = r"""<script>alert("x")</script> & \input{secret} $x$ #let %_^~{} `q` 'é' ŵ 中 <!-- ]] */ """


def sample_record():
    return {
        "schema_version": 1,
        "audit": {"title": "A sample", "seed": 0},
        "security": None,
        "privacy": None,
        "fairness": None,
        "measured": {
            "share": 0.2,
            "small": 1e-5,
            "count": 48842,
            "label": 0,
            "name": "plain",
            "missing": None,
        },
        "hostile": HOSTILE,
        "sound": True,
        "faulty": False,
        "rows": [
            {"name": "first", "value": 0.25, "good": True},
            {"name": "second", "value": -0.5, "good": False},
        ],
    }


SAMPLE_PICTURES = {"landscape": tree.Picture("Another, over both columns.", wide=True)}
SAMPLE_PROSE = {
    "00-front.md": """---
author: [Somebody, Somebody else]
keywords: [audit, sample]
---

::: {.abstract}
The share is []{v="measured.share"}.
:::
""",
    "10-body.md": """# First part {#sec:first}

<!-- A comment. -->
See [](#eq:one), [](#fig:picture), [](#tbl:rows), [](#sec:inner), [](#sec:more) and [the end](#sec:more).
Both say so [@second2001; @first2000, Thm. 3], and *one* again [@second2001].
The text is []{v="hostile"}, in code []{.code v="measured.name"} and `metrics.json`.
[It is sound.]{when="sound; measured.label=0"} [It is faulty.]{when="faulty"} [No fault.]{unless="faulty"}
Here $\\|m\\|_1$ and []{v="measured.small"}:

[$$
\\begin{aligned} \\text{ASR}(m) &= \\Pr\\bigl(f(x) = y\\bigr) \\odot \\min_y z_y , \\\\
s &= \\|m\\|_1 \\end{aligned}
$$]{#eq:one}

where $s$ is []{v="measured.share" f="%"} of []{v="measured.count" f=","}.

[$$ F(x) = \\begin{cases} \\tfrac{1}{2} & x < 0 , \\\\ 1 & \\text{otherwise} \\end{cases} $$]{#eq:two}

## Inner part {#sec:inner}

![What to see: []{v="measured.share"} and *more*.](picture){#fig:picture}

![Another, over both columns.](landscape){#fig:landscape}

- [an item that goes]{when="faulty"}
- an item that stays

::: {each="rows"}
| Name | Value | Good |
|:-----|------:|:----:|
| []{v="@.name"} | []{v="@.value"} | [yes]{when="@.good"} |
| [gone]{when="faulty"} | [gone]{when="faulty"} | [gone]{when="faulty"} |
| last & least | []{v="measured.missing"} | |

: The rows. {#tbl:rows}
:::

::: {unless="faulty"}
| Much text in the first column | And in the second |
|:------------------------------|:------------------|
| A sentence that is far too long for one column, and must wrap | another one, long as well |

: Wrapped text. {#tbl:wrapped}
:::
""",
    "20-end.md": """# More {#sec:more .appendix}

Nothing else.

::: {.references}
- [first2000]{.key} A. First, *A book*, 2000.
- [second2001]{.key} B. Second, "A paper," 2001. <https://example.org/a_long_path/with-many/parts>
- [third2002]{.key} C. Third, never cited.
:::
""",
}


def draw_sample_figures(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, width in (("picture", 3.5), ("landscape", 7.0)):
        with mpl.rc_context({"svg.hashsalt": name}):
            figure = Figure(figsize=(width, 2.0))
            axes = figure.subplots()
            axes.plot([0, 1], [0, 1])
            axes.imshow([[0, 1], [1, 0]], extent=(0, 1, 0, 1))
            for suffix in ("svg", "pdf", "png"):
                date = {"pdf": "CreationDate", "svg": "Date"}.get(suffix)
                figure.savefig(folder / f"{name}.{suffix}", metadata={date: None} if date else None)
    return folder


def write_prose(folder: Path, prose=SAMPLE_PROSE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in prose.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
