"""Cut the font of the pages' mathematics out of STIX Two Math, and write it beside the page's style.

    python tools/build_math_font.py STIXTwoMath-Regular.otf        # or .ttf, .woff

The font is that of https://github.com/stipub/stixfonts, under the SIL Open Font License 1.1 and without a
reserved name; its licence lies beside the result. The result holds what the prose of the templates and the
usual mathematics need, with all sizes of brackets, roots and sums that the font's MATH table names.
"""

# ruff: noqa: RUF001 - the signs are meant
import argparse
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

TARGET = Path(__file__).parents[1] / "src" / "trivet" / "report" / "assets" / "mathematics.woff"
#: Ranges of code points, ends included: Latin, Greek, and both as italics, which variables become.
RANGES = ((0x20, 0x7E), (0x391, 0x3A9), (0x3B1, 0x3C9), (0x1D434, 0x1D467), (0x1D6E2, 0x1D71B))
SIGNS = (
    "±×÷·°†‡‖‘’“”–—…′″\u0302\u0303\u0304ϕϑϵϱℎ∂∇√∞∝∫∑∏−∓∗∘∙⋅⋯⋮⋱∼≈≅≠≡≤≥≪≫≲≳⊥∥∣∤∈∉∋⊂⊆⊃⊇∪∩∧∨¬∀∃∅⊕⊗⊙"
    "←→↔⇐⇒⇔↑↓↦⌈⌉⌊⌋⟨⟩‾ℒℓℳℝℕℤℚℂℙ𝒞𝒟𝒩𝒫𝒯𝔼𝟏𝟙\u2061\u2062\u2063\u2064"
)

#: Copyright, licence, and where that is, for whoever takes the font out of a page.
NAMES = {
    0: "Copyright 2001-2021 The STIX Fonts Project Authors (https://github.com/stipub/stixfonts)",
    13: "This Font Software is licensed under the SIL Open Font License, Version 1.1.",
    14: "https://openfontlicense.org",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("font", type=Path)
    font = TTFont(parser.parse_args().font)
    options = Options()
    options.layout_features = ["ssty", "dtls", "flac", "kern", "mark", "mkmk"]
    options.hinting = False
    options.name_IDs = [0, 1, 2, 13, 14]  # copyright, name, licence and its address
    options.flavor = "woff"
    subsetter = Subsetter(options)
    subsetter.populate(
        unicodes={*map(ord, SIGNS), *(code for low, high in RANGES for code in range(low, high + 1))}
    )
    subsetter.subset(font)
    for number, text in NAMES.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    font.flavor = "woff"
    font["head"].modified = font["head"].created  # the same bytes each time
    font.recalcTimestamp = False
    font.save(TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes, {len(font.getBestCmap())} characters")


if __name__ == "__main__":
    main()
