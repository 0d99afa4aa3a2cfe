"""Options of commands, made from settings."""

import itertools
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from annotated_types import Ge
from cyclopts import App
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from trivet.cli.commands import COMMANDS
from trivet.cli.main import app as trivet
from trivet.cli.main import main
from trivet.cli.options import RandomSeed, Workers, command
from trivet.errors import UsageError
from trivet.settings import SettingError, Settings, Share, parts_of


@dataclass(frozen=True, kw_only=True)
class Shop(Settings):
    """A shop.

    Attributes
    ----------
    city
        Where it is.
    goods
        What it has.
    """

    city: str
    goods: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Bakery(Shop):
    """A bakery.

    Attributes
    ----------
    oven_heat
        How hot.
    share
        Of the bread.
    """

    oven_heat: Annotated[int, Ge(1)] | None = field(default=None, metadata={"option": "heat"})
    share: Share = 0.5

    def __post_init__(self):
        super().__post_init__()
        if self.goods and self.oven_heat is None:
            raise SettingError("{goods} needs {oven_heat}; found {found}.", found="{none}")


made: list[Any] = []
app = App(result_action="return_value")


@app.command
@command
def bake(*, shop: Bakery, workers: Workers = None, seed: RandomSeed = 0) -> int:
    """Bake."""
    made.append((shop, workers, seed))
    return 0


@app.command
@command
def change(*, given: Annotated[Mapping[str, Any], Bakery]) -> int:
    """Change what is typed, and nothing else."""
    made.append(given)
    return 0


def call(*tokens):
    app(tokens, exit_on_error=False, print_error=False)
    return made.pop()


def test_a_command_takes_the_fields_of_its_settings_as_options():
    typed = ("--city", "Ulm", "--heat", "200", "--goods", "bread, rolls", "--seed", "3")
    expected = Bakery(city="Ulm", oven_heat=200, goods=("bread", "rolls"))
    assert call("bake", *typed) == (expected, None, 3)
    assert call("bake", "--city", "Ulm") == (Bakery(city="Ulm"), None, 0)
    assert call("change", "--city", "Ulm", "--heat", "200") == {"city": "Ulm", "oven_heat": 200}
    assert call("change", "--city", "Ulm") == {"city": "Ulm"}


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (("--heat", "0"), "--heat is 0; expected 1 or more."),
        (("--share", "1"), "--share is 1.0; expected above 0 and below 1."),
        (("--share", "nan"), "--share is nan; expected above 0 and below 1."),
        (("--seed", "-1"), "--seed is -1; expected 0 to 4294967295."),
        (("--workers", "0"), "--workers is 0; expected 1 or more."),
        (("--goods", "bread"), "--goods needs --heat; found {none}."),
    ],
)
def test_what_is_refused_is_named_as_it_is_typed(tokens, message):
    with pytest.raises(UsageError) as refused:
        call("bake", "--city", "Ulm", *tokens)
    assert str(refused.value) == message


def test_settings_in_python_are_named_as_their_fields():
    with pytest.raises(SettingError, match=r"^oven_heat is 0; expected 1 or more\.$"):
        Bakery(city="Ulm", oven_heat=0)
    with pytest.raises(ValueError, match=r"^goods needs oven_heat; found {none}\.$"):
        Bakery(city="Ulm", goods=("bread",))
    with pytest.raises(UsageError, match=r"^share is 2; expected above 0 and below 1\.$"):
        Bakery.require(share=2)


words = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1).map(
    str.strip
)


@given(st.lists(words.filter(bool), min_size=1, max_size=5))
def test_a_list_of_names_with_commas_is_what_its_quotation_marks_say(names):
    typed = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    assert parts_of(typed) == tuple(names)
    plain = [name.replace(",", ";").replace('"', "'") for name in names]
    assert parts_of(",".join(plain)) == tuple(name.strip() for name in plain)


@pytest.mark.parametrize("typed", ['"a, b', '"a" b,c', '"a""'])
def test_quotation_marks_that_do_not_match_are_refused_with_an_example(typed):
    with pytest.raises(
        SettingError, match="quotation marks that do not match; in a list, a name with a comma"
    ):
        parts_of(typed)


def every_command(group):
    commands = [group[name] for name in group if not name.startswith("-")]
    return [
        leaf
        for each in commands
        for leaf in (*([each] if each.default_command else []), *every_command(each))
    ]


def test_every_option_of_every_command_has_words():
    options = [
        (command.name[0], each.name, each.parameter.help)
        for command in every_command(trivet)
        for each in command.assemble_argument_collection(parse_docstring=True)
    ]
    assert len({command for command, _, _ in options}) == 28
    assert [(command, name) for command, name, words in options if not words] == []


def typed_in(example):
    """Return what a command line gives to trivet: what a shell takes for itself left out."""
    words = shlex.split(example.replace("$(", " ").replace(')"', " ").replace('"', " "))
    return list(itertools.takewhile(lambda word: word != ">", words[words.index("trivet") + 1 :]))


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_two_examples_that_are_valid_and_says_its_exit_codes(words, capsys):
    command = COMMANDS[words]
    below = [name for name in COMMANDS if name.startswith(f"{words} ")]
    assert len(command.examples) == 2 or (below and not command.examples)
    for _, example in command.examples:
        typed = typed_in(example)
        assert typed[: len(words.split())] == words.split()
        trivet.parse_args(typed, exit_on_error=False, print_error=False)
    trivet([*words.split(), "--help"], console=Console(width=80))  # a console is kept, with its width
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    if command.examples:
        codes = " ".join(shown.partition("Exit codes: ")[2].split())
        found = f"; 1 {command.found}" if command.found else ""
        assert codes == f"0 {command.ended}{found}; 2 usage or configuration; 3 it could not be done."


def test_the_table_of_commands_is_what_there_is():
    def names(group, above=()):
        for name in group:
            if not name.startswith("-"):
                yield " ".join((*above, name))
                yield from names(group[name], (*above, name))

    assert set(names(trivet)) == set(COMMANDS)


def test_a_missing_argument_is_refused_with_an_example(capsys):
    with pytest.raises(SystemExit) as end:
        main(["gate"])
    assert end.value.code == 2
    example = COMMANDS["gate"].examples[0][1]
    assert capsys.readouterr().err.endswith(f"Such as: {example}. See `trivet gate --help`.\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(shell, capsys):
    trivet(["completion", shell])
    script = capsys.readouterr().out
    assert "audit-mechanism" in script
    assert "sensitive" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [(("trivet", "com"), {"compare", "completion"}), (("trivet", "privacy", "audit-c"), {"audit-code"})],
)
def test_bash_completes_what_was_begun(typed, offered, capsys):
    trivet(["completion", "bash"])
    ask = f"COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}; _trivet"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{capsys.readouterr().out}\n{ask}; echo ${{COMPREPLY[@]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered
