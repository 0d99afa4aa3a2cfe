"""Documentation: every Python block runs, every command parses, every place and every link exists."""

import importlib.util
import re
import shlex
import shutil
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from cyclopts import MissingArgumentError

from trivet.audit import run_audit
from trivet.cli.main import app
from trivet.config import AuditConfig, AuditSection, load_config
from trivet.findings import findings_of, write_findings
from trivet.policy import parse_requirements, refuse_impossible
from trivet.policy.places import nodes_at
from trivet.record import as_json, make_manifest, save_manifest, save_record

ROOT = Path(__file__).parent.parent
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "src").rglob("README.md")),
)
REFERENCE = ROOT / "docs" / "reference"

FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(trivet|make) \S")
PLACE = re.compile(r"(security|privacy|fairness)\.[\w.=\[\]]+")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
#: Arrays beside the record of the study, with a suspect.
TRIGGERS = ("published.mask", "published.pattern", "scan.mask", "scan.pattern", "strip.pixels")
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block, and the text block right below it, which shows what it prints."""

    place: str
    language: str
    text: str
    output: str | None


def blocks_of(page):
    content = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(content):
        below = FENCE.match(content[match.end() :].lstrip("\n"))
        yield Block(
            f"{page.relative_to(ROOT)}:{content.count(chr(10), 0, match.start()) + 1}",
            match[1],
            match[2],
            below[2] if below and below[1] == "text" else None,
        )


def blocks(language):
    found = [block for page in PAGES for block in blocks_of(page) if block.language == language]
    return pytest.mark.parametrize("block", found, ids=lambda block: block.place)


def prose_of(page):
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def inline_code(pages, pattern):
    return sorted({code for page in pages for code in CODE.findall(prose_of(page)) if pattern.match(code)})


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A folder in which an audit of the privacy leg has run, with triggers beside it."""
    folder = tmp_path_factory.mktemp("documentation")
    (folder / "trivet-out").mkdir()
    record = run_audit(AuditConfig(audit=AuditSection(legs=("privacy",)))).record
    triggers = {name: np.zeros((10, 1, 28, 28), dtype=np.float32) for name in TRIGGERS}
    out = folder / "trivet-out"
    save_record(record, triggers, out)
    write_findings(findings_of(as_json(record)), out)
    save_manifest(make_manifest(inputs={}, seconds={}, pdf_engine="", started=datetime.now(UTC)), out)
    return folder


@blocks("python")
def test_a_python_block_prints_what_the_page_shows(block, audited, tmp_path, monkeypatch, capsys):
    shutil.copytree(audited, tmp_path, dirs_exist_ok=True)  # a block may write into it
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == block.output


@blocks("sh")
def test_a_shell_block_holds_commands_that_exist(block):
    for line in block.text.splitlines():
        check_command(line)


@pytest.mark.parametrize("command", inline_code(PAGES, COMMAND))
def test_a_command_in_the_prose_exists(command):
    with suppress(MissingArgumentError):  # the prose may name a command without what it works on
        check_command(command)


def check_command(line):
    words = shlex.split(line, comments=True)
    while words and "=" in words[0]:
        words = words[1:]
    if ">" in words:
        words = words[: words.index(">")]
    match words:
        case ["trivet", *arguments]:
            app.parse_args(arguments, exit_on_error=False, print_error=False)
        case ["make"]:
            pass
        case ["make", target]:
            assert target in TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
        case ["pytest", "--trivet", *_]:
            plugin = (ROOT / "src" / "trivet" / "pytest_plugin.py").read_text(encoding="utf-8")
            assert all(f'"{word}"' in plugin for word in words if word.startswith("--"))
        case ["python" | "pytest", path, *_]:
            assert (ROOT / path).exists()
        case ["pip", "install", target]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert target.partition("[")[2].rstrip("]") in {"", *extras}
        case [".", ".venv/bin/activate"]:
            pass
        case _:
            pytest.fail(f"no rule says whether this exists: {line}")


@blocks("toml")
def test_a_configuration_is_valid_and_requires_what_is_recorded(block, tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text(block.text, encoding="utf-8")
    refuse_impossible(parse_requirements(load_config(path).policy.require))


@pytest.mark.parametrize("path", inline_code([page for page in PAGES if page.parent == ROOT / "docs"], PLACE))
def test_a_place_in_the_prose_exists_in_the_record(path):
    assert nodes_at(path.partition(" ")[0])


def test_a_place_that_does_not_exist_is_told_from_one_that_does():
    assert nodes_at("security.scan.labels.4.asr")
    assert nodes_at("privacy.plan.rows[method=gaussian].scale")
    for path in ("security.scan.label.4.asr", "privacy.plan.rows[mehtod=gaussian].scale", "privacy.pld"):
        assert not nodes_at(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_lead_somewhere(page):
    for link in LINK.findall(CODE.sub("", prose_of(page))):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if ROOT / "docs" in page.parents:
            assert ROOT / "docs" in target.parents, f"{link} leads out of the site"
        if anchor:
            assert anchor in anchors_of(target), link


def test_the_landing_page_and_the_navigation_lead_to_every_page():
    docs = ROOT / "docs"
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    linked = {link.partition("#")[0] for link in LINK.findall(prose_of(docs / "index.md"))}
    navigation = re.findall(
        r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {link for link in linked if link.endswith(".md")} == pages - {"index.md"}
    assert sorted(navigation) == sorted(pages)


def test_the_first_screen_of_the_readme_holds_three_users_with_a_command_and_a_picture_each():
    screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:25])
    assert {"make demo", "make test"} <= {line.partition("#")[0].strip() for line in screen.splitlines()}
    table = [line.strip("|").split("|") for line in screen.splitlines() if line.startswith("|")]
    users, _, _, commands, pictures, pages = table
    assert [len(row) for row in table] == [3] * 6
    assert all(user.strip().startswith("You ") for user in users)
    for command, picture, page in zip(commands, pictures, pages, strict=True):
        assert COMMAND.match(command.strip(" `"))
        source = re.search(r'<img src="([^"]+)" height="(\d+)" alt="[^"]+">', picture)
        assert (ROOT / source[1]).exists()
        assert int(source[2]) <= 150
        assert LINK.search(page)


def anchors_of(page):
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_recipes_name_files_that_exist_and_what_stands_in_them():
    recipes = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`([\w/]+/\w+\.py)`", recipes))
    found = {
        name: next(p for p in (ROOT / "src" / "trivet" / name, ROOT / name) if p.exists()) for name in files
    }
    named = re.findall(r"`(\w+)`(?:\s+and\s+`(\w+)`)?\s+(?:of|in)\s+`([\w/]+/\w+\.py)`", recipes)
    assert len(named) > 20
    for *names, file in named:
        content = found[file].read_text(encoding="utf-8")
        assert all(re.search(rf"\b{name}\b", content) for name in names if name), (names, file)


@pytest.mark.parametrize("leg", ["security", "privacy", "fairness"])
def test_the_reference_shows_every_module_that_a_leg_exports_from(leg):
    shown = shown_modules(REFERENCE / f"{leg}.md")
    stub = (ROOT / "src" / "trivet" / leg / "__init__.pyi").read_text(encoding="utf-8")
    exporting = re.findall(r"^from \.([\w.]+) import ", stub, re.MULTILINE)
    exporting += re.findall(r"^from \. import (\w+) as ", stub, re.MULTILINE)
    assert {f"trivet.{leg}.{module}" for module in exporting} <= set(shown)


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=lambda page: page.name)
def test_the_reference_shows_modules_that_exist_once_each(page):
    shown = shown_modules(page)
    assert shown
    assert len(set(shown)) == len(shown)
    assert all(importlib.util.find_spec(module) for module in shown)


def shown_modules(page):
    return re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
