"""What `trivet init --own` writes is valid, describes every leg, and can be run as it is."""

from dataclasses import fields

from trivet.config import load_config
from trivet.fairness.auditing.settings import TableOptions


def test_the_file_describes_every_leg_and_no_study(trivet, tmp_path):
    done = trivet("init", "--own", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "trivet run audit.toml" in done.out
    config = load_config(tmp_path / "audit.toml")
    assert not config.audit.study
    assert config.audit.legs == ("security", "privacy", "fairness")
    assert config.security.scan is not None
    assert config.fairness.table is not None
    again = trivet("init", "--own", "--json", cwd=tmp_path)
    assert (again.code, again.json["error"]["kind"]) == (2, "UsageError")


#: Adult, which the file names, has columns of its own and no predictions.
OF_OTHER_TABLES = {each.name for each in fields(TableOptions)} - {"privileged", "level"}


def test_every_line_that_is_commented_out_is_valid_alone(trivet, tmp_path):
    done = trivet("init", tmp_path / "a.toml", "--own")
    assert done.code == 0, done.err
    lines = (tmp_path / "a.toml").read_text(encoding="utf-8").splitlines()
    optional = [place for place, line in enumerate(lines) if line.startswith("# ") and " = " in line]
    tried = 0
    for place in optional:
        name = lines[place].removeprefix("# ").partition(" = ")[0]
        if not name.isidentifier() or name in {"require", *OF_OTHER_TABLES}:
            continue  # of several lines, or of a table of one's own
        shown = [line.removeprefix("# ") if at == place else line for at, line in enumerate(lines)]
        (tmp_path / "b.toml").write_text("\n".join(shown), encoding="utf-8")
        load_config(tmp_path / "b.toml")
        tried += 1
    assert tried >= 5
