"""Writers of the document: HTML, LaTeX, Typst and PDF."""
