"""LaTeX: macros for every value, tables that two columns take, and nothing of the user's that runs."""

import re
import shutil
import subprocess

import pytest
from sample_report import HOSTILE

from trivet.report.text.document import check_macros, make_document
from trivet.report.text.values import escape_tex
from trivet.report.write.pdf import latex_installed
from trivet.report.write.tex import macros_source, tex_source

DASHES = "\N{MINUS SIGN}\N{MULTIPLICATION SIGN}\N{EN DASH}\N{EM DASH}“”‘’"  # noqa: RUF001 (that is the point)
needs_latex = pytest.mark.skipif(not latex_installed(), reason="latexmk and IEEEtran are not installed")


LABELLED = re.compile(r"\\newlabel\{([^}]*)\}\{\{((?:[^{}]|\{[^{}]*\})*)\}")


def check_aux(aux, targets):
    """Find numbers that LaTeX gives (in its .aux file) and that differ from this document's."""
    given = {name: re.sub(r"\\mbox|[{}\s]", "", shown) for name, shown in LABELLED.findall(aux)}
    return [
        f"#{target.identifier} is {target.number} here and {given.get(target.identifier)} in LaTeX."
        for target in targets
        if given.get(target.identifier) != target.number
    ]


def compiled(folder, document, figures):
    """Compile as a user would, and give the log and the .aux file."""
    (folder / "report.tex").write_text(tex_source(document, figures.as_posix()), encoding="utf-8")
    (folder / "macros.tex").write_text(macros_source(document.values), encoding="utf-8")
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "report.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = (folder / "report.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-3000:]
    return log, (folder / "report.aux").read_text(encoding="utf-8")


def test_every_value_is_a_macro(sample_document):
    tex, macros = tex_source(sample_document, "figures"), macros_source(sample_document.values)
    assert check_macros(tex, macros) == []
    assert r"\newcommand{\trivetMeasuredShareAsPercent}{20~\%}% measured.share" in macros
    assert r"\trivetMeasuredShareAsPercent{}" in tex
    assert "0.2000" not in tex


def test_every_value_of_the_study_is_a_macro(study_document):
    assert check_macros(tex_source(study_document, "figures"), macros_source(study_document.values)) == []


def test_two_columns_take_what_is_written(sample_document):
    tex = tex_source(sample_document, "figures")
    assert "longtable" not in tex
    for begun in (r"\begin{figure}", r"\begin{figure*}", r"\begin{tabular}", r"\begin{tabularx}{\linewidth}"):
        assert begun in tex
    assert r"\includegraphics[width=\linewidth]{figures/picture.pdf}" in tex
    assert tex.index(r"\appendices") < tex.index(r"\section{More}\label{sec:more}")
    assert r"\cite{second2001}, \cite[Thm. 3]{first2000}" in tex


def test_the_same_document_gives_the_same_bytes(sample_document):
    assert tex_source(sample_document, "figures") == tex_source(sample_document, "figures")


def test_hostile_text_is_text(sample_document):
    macros = macros_source(sample_document.values)
    assert r"\input{secret}" not in macros
    assert r"\textbackslash{}input\{secret\}" in macros
    assert "[U+4E2D]" in macros


@needs_latex
def test_the_sample_compiles(tmp_path, sample_document, sample_figures):
    log, aux = compiled(tmp_path, sample_document, sample_figures)
    assert "undefined" not in log
    assert check_aux(aux, sample_document.targets.values()) == []


@needs_latex
def test_every_character_that_is_not_replaced_compiles(tmp_path, sample_figures):
    every = "".join(chr(code) for code in range(0x20, 0x180)) + HOSTILE + "εδ≤≥⁻¹²…" + DASHES
    assert escape_tex(every).isprintable()
    record = {"audit": {"title": every}, "every": every}
    document = make_document(
        record, {"body.md": '# Title []{v="every"}\n\n[]{v="every"} []{.code v="every"}'}
    )
    log, _ = compiled(tmp_path, document, sample_figures)
    assert "Missing character" not in log
    assert not re.search(r"\.\d+pk", log.replace("\n", "")), "a bitmap font was made"


@needs_latex
def test_the_study_compiles_without_a_box_worth_seeing(tmp_path, study_document, study_report):
    log, aux = compiled(tmp_path, study_document, study_report.tex.parent / "figures")
    assert "undefined" not in log
    assert check_aux(aux, study_document.targets.values()) == []
    overfull = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide", log)]
    assert max(overfull, default=0.0) < 2.0


@needs_latex
def test_numbers_that_differ_from_latex_are_found(tmp_path, sample_document, sample_figures):
    _, aux = compiled(tmp_path, sample_document, sample_figures)
    mutant = aux.replace(r"\newlabel{tbl:rows}{{I}", r"\newlabel{tbl:rows}{{IV}")
    assert mutant != aux
    assert check_aux(mutant, sample_document.targets.values()) == ["#tbl:rows is I here and IV in LaTeX."]


def test_latexmk_is_needed_for_latex(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not latex_installed()
