"""``trivet card``: to standard output or a file, as JSON, and what is refused."""

import json

import pytest
import yaml

from example_audits import write_audit
from example_records import example_own_record
from trivet.cli.small import card
from trivet.errors import RecordError, UsageError


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return write_audit(tmp_path_factory.mktemp("runs") / "audit", example_own_record())


def test_the_card_is_printed_or_written(audit, tmp_path, capsys):
    assert card(audit) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed.split("---\n")[1])["tags"][0] == "trivet"
    assert card(audit, out=tmp_path / "README.md") == 0
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == printed
    assert capsys.readouterr().out.replace("\n", "") == str(tmp_path / "README.md")


def test_json_holds_the_card_and_its_file(audit, tmp_path, capsys):
    assert card(audit, out=tmp_path / "card.md", json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(tmp_path / "card.md")
    assert document["card"] == (tmp_path / "card.md").read_text(encoding="utf-8")


def test_what_cannot_be_read_or_written_is_refused(audit, tmp_path):
    with pytest.raises(RecordError, match="expected the output folder"):
        card(tmp_path)
    with pytest.raises(UsageError, match="Choose another"):
        card(audit, out=tmp_path / "no" / "folder" / "card.md")
