"""Links, pipes and folders that another has put where a command writes."""

import os
import shutil

import pytest

from example_audits import changed, write_audit
from example_records import example_record
from trivet.cli.main import main

TABLE = "label,group,guess\n" + "".join(
    f"{number % 2},{'ab'[number % 3 == 0]},{number % 5 % 2}\n" for number in range(300)
)
AUDITED = ("--label", "label", "--positive", "1", "--sensitive", "group", "--prediction", "guess")
PLANNED = ("--epsilon", "1", "--delta", "1e-6", "--queries", "3", "--sensitivity", "1")
TRIED = ("shop_noise:noisy", "--epsilon", "1", "--trials", "2000")
#: Each command that writes, with its output folder.
COMMANDS = {
    "fairness": lambda out: ["fairness", "t.csv", *AUDITED, "--out", out],
    "plan": lambda out: ["privacy", "plan", *PLANNED, "--out", out],
    "mechanism": lambda out: ["privacy", "audit-mechanism", *TRIED, "--out", out],
    "gate": lambda out: ["gate", "before", "--out", out],
    "compare": lambda out: ["compare", "before", "after", "--out", out],
    "card": lambda out: ["card", "before", "--out", f"{out}/card.md"],
    "view": lambda out: ["view", "audits", "--no-browser", "--out", out],
    "init": lambda out: ["init", f"{out}/audit.toml"],
}
NOISE = "import random\n\ndef noisy(x):\n    return x + random.expovariate(1) - random.expovariate(1)\n"
#: Those that draw take seconds; one of them stands for the others.
DRAWING = [pytest.param(name, marks=pytest.mark.slow) for name in ("fairness", "mechanism", "compare")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    (folder / "t.csv").write_text(TABLE)
    (folder / "shop_noise.py").write_text(NOISE)
    (folder / "matplotlibrc").write_bytes(b"\xff\xfe")
    write_audit(folder / "before", example_record())
    write_audit(folder / "after", changed(example_record(), "audit.title", "Another"))
    write_audit(folder / "audits" / "one", example_record())
    return folder


@pytest.fixture(autouse=True)
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    shutil.rmtree(place / "out", ignore_errors=True)
    (place / "out").mkdir()


def call(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code, capsys.readouterr().err.strip().splitlines()[-1:]


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["plan", "gate", "card", "view", "init", *DRAWING])
def test_nothing_is_written_outside_of_the_folder(name, place, tmp_path, capsys):
    command, out = COMMANDS[name]("out"), place / "out"
    assert call(command, capsys)[0] in {0, 1}
    made = files_in(out)
    assert made
    assert not any(part.endswith(".tmp") for part in made)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    shutil.rmtree(out)
    for number, part in enumerate((*made, ".trivet-probe", ".trivet-lock")):
        (out / part).parent.mkdir(parents=True, exist_ok=True)
        (out / part).symlink_to([victim, tmp_path / "new", "/dev/full"][number % 3])
    code, said = call(command, capsys)
    assert victim.read_text() == "precious"
    assert not (tmp_path / "new").exists()
    assert code == 2
    assert len(said) == 1


@pytest.mark.parametrize("name", ["fairness", "plan", "mechanism", "compare"])
def test_a_folder_of_pictures_that_is_a_link_is_refused(name, place, tmp_path, capsys):
    (place / "out" / "figures").symlink_to(tmp_path)
    code, said = call(COMMANDS[name]("out"), capsys)
    assert code == 2
    assert "is a link, and nothing is written through links" in said[0]
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("name", ["gate", "card", "init"])
def test_what_stands_in_the_way_is_one_line(name, place, capsys):
    command, out = COMMANDS[name]("out"), place / "out"
    call(command, capsys)
    for part in files_in(out):
        (out / part).unlink()
        (out / part).mkdir()
    code, said = call(command, capsys)
    assert code == 2
    assert "left alone" in said[0]
    assert files_in(out) == []


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("out", ["t.csv", "t.csv/below", "a\0b", "x" * 300])
def test_a_place_that_is_no_folder_is_one_line(name, out, place, capsys):
    code, said = call(COMMANDS[name](out), capsys)
    assert code == 2
    assert said[0].startswith("trivet: ")
    assert (place / "t.csv").read_text() == TABLE


@pytest.mark.parametrize("part", ["findings.json", "findings.md"])
def test_a_pipe_in_the_place_of_a_file_is_left_alone(part, place, capsys):
    os.mkfifo(place / "out" / part)
    code, said = call(COMMANDS["gate"]("out"), capsys)
    assert code == 2
    assert "left alone" in said[0]


def test_a_link_that_comes_later_is_replaced(place, tmp_path, capsys, monkeypatch):
    """After the first look at the folder, too, nothing is written through a link."""
    (tmp_path / "victim").write_text("precious")
    monkeypatch.setattr(
        "trivet.cli.outputs.refuse_foreign",
        lambda paths: [path.symlink_to(tmp_path / "victim") for path in paths],
    )
    assert call(COMMANDS["gate"]("out"), capsys)[0] in {0, 1}
    assert (tmp_path / "victim").read_text() == "precious"
    assert not any(path.is_symlink() for path in (place / "out").iterdir())


#: Commands that print a path or a name that the user gave, with that of a folder in the place of NAME.
NAMING = {
    "init": "init NAME/audit.toml",
    "card": "card before --out NAME/card.md",
    "gate": "gate NAME/before",
    "gate --out": "gate before --out NAME/out",
    "compare": "compare before NAME/before",
    "view": "view --no-browser NAME/audits",
    "view --out": "view --no-browser audits --out NAME/out",
    "plan": "privacy plan NAME/plan.toml",
    "ledger": "privacy ledger NAME/l --create --epsilon 1",
    "release": "privacy release NAME/t.csv --count --epsilon 1 --ledger l",
    "table": "fairness NAME/t.csv --label label --positive 1 --sensitive group --prediction guess",
    "column": "fairness t.csv --label NAME --sensitive group --prediction guess",
    "schedule": "privacy audit-mechanism NAME:noisy --epsilon 1",
    "checkpoint": "scan NAME/w.pth --arch mnist-cnn",
    "architecture": "scan t.csv --arch NAME --images mnist",
    "images": "scan t.csv --arch mnist-cnn --images NAME",
    "audit": "run NAME/audit.toml --out o",
    "an option": "gate before --NAME",
}


@pytest.mark.parametrize("name", NAMING)
@pytest.mark.parametrize("folder", ["a\tb\x1b[31mc\n::error::d", "[bold]\\[/]\r##[x]\u202e"])
def test_no_command_prints_a_name_that_is_obeyed(name, folder, place, capsys):
    here = place / folder
    shutil.rmtree(here, ignore_errors=True)
    for part in ("before", "audits"):
        shutil.copytree(place / part, here / part)
    (here / "t.csv").write_text(TABLE)
    with pytest.raises(SystemExit):
        main([part.replace("NAME", folder) for part in NAMING[name].split()])
    printed = "".join(capsys.readouterr())
    start = folder[:2].strip()
    assert printed
    assert not set(printed) & set("\t\x1b\r\u202e")
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in printed.splitlines())
    for written in printed.split(start)[1:]:
        assert "b\\x1b" not in written or written.startswith("\\tb\\x1b[31mc\\n"), printed
