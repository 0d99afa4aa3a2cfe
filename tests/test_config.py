from pathlib import Path

import pytest

from trivet.config import AuditConfig, AuditSection, load_config
from trivet.errors import UsageError


def write(folder, text):
    path = folder / "audit.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_asked_for_is_the_built_in_study():
    assert load_config(None) == AuditConfig()


def test_the_file_is_laid_over_the_defaults_and_the_command_line_over_the_file(tmp_path):
    path = write(tmp_path, '[audit]\nseed = 3\ntitle = "Mine"\n[security]\nprofile = "smoke"\nkappa = 2\n')
    config = load_config(path, {"audit": {"seed": 5, "out": None}, "security": {"profile": "balanced"}})
    assert config.audit == AuditSection(title="Mine", seed=5)
    assert (config.security.profile, config.security.kappa) == ("balanced", 2)


def test_the_seed_is_the_fairness_legs_too_unless_it_has_its_own(tmp_path):
    assert load_config(None, {"audit": {"seed": 7}}).fairness.seed == 7
    path = write(tmp_path, "[audit]\nseed = 7\n[fairness]\nseed = 1\n")
    assert load_config(path).fairness.seed == 1


def test_paths_of_the_file_start_at_its_folder(tmp_path):
    path = write(tmp_path, '[audit]\nout = "here"\n[security]\ncheckpoint = "sub/a.pth"\n')
    config = load_config(path)
    assert config.audit.out == tmp_path / "here"
    assert config.security.checkpoint == tmp_path / "sub" / "a.pth"
    assert load_config(path, {"audit": {"out": Path("there")}}).audit.out == Path("there")
    path = write(tmp_path, '[privacy]\naudits = ["a.json"]\n[fairness]\naudits = ["sub/b.json"]\n')
    config = load_config(path)
    assert config.privacy.audits == (tmp_path / "a.json",)
    assert config.fairness.audits == (tmp_path / "sub" / "b.json",)


def test_a_network_on_the_command_line_replaces_the_files_choice(tmp_path):
    path = write(tmp_path, '[security]\narchive = "a.rar"\nmodel_index = 3\n')
    config = load_config(path, {"security": {"checkpoint": Path("b.pth")}})
    assert config.security.checkpoint == Path("b.pth")
    assert config.security.archive is None
    assert config.security.model_index is None


def test_all_errors_are_named_at_once(tmp_path):
    path = write(
        tmp_path,
        '[audit]\nseed = -1\n[privacy]\nepsilon = "much"\n[fairness]\ntest_sice = 0.3\n[nonsense]\na = 1\n',
    )
    with pytest.raises(UsageError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith("audit.toml has 4 errors: ")
    assert "\n" not in message
    for part in (
        "[audit] seed should be greater than or equal to 0 (found -1)",
        "[privacy] epsilon should be a number (found 'much')",
        "[fairness] test_sice is not known (did you mean test_size?)",
        "[nonsense] is not known (expected one of audit, security, privacy, fairness, effects, policy)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("security", "message"),
    [
        ('checkpoint = "a"\narchive = "b"', "either checkpoint or archive"),
        ('archive = "b"', "needs student_id or model_index"),
        ('archive = "b"\nstudent_id = "1"\nmodel_index = 1', "needs student_id or model_index"),
        ("model_index = 1", "no archive is given"),
        ("expected_label = 1", "give checkpoint as well"),
        ('profile = "quick"', "'smoke', 'balanced' or 'high-fidelity' (found 'quick')"),
        ("sweep_fractions = [0.1]", "at least 2 items"),
    ],
)
def test_what_cannot_be_together(tmp_path, security, message):
    with pytest.raises(UsageError) as caught:
        load_config(write(tmp_path, f"[security]\n{security}\n"))
    assert message in str(caught.value)


def test_what_is_no_toml_or_no_file(tmp_path):
    with pytest.raises(UsageError, match=r"audit.toml is not valid TOML: .* line 1"):
        load_config(write(tmp_path, "[audit\n"))
    with pytest.raises(UsageError, match="`trivet init` writes one"):
        load_config(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not valid TOML"):
        load_config(tmp_path / "bytes.toml")
    with pytest.raises(UsageError, match=r"\[audit\] should be"):
        load_config(write(tmp_path, "audit = 3\n"))


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ('seed = "0"', "a whole number (found '0')"),
        ("seed = 1.0", "a whole number (found 1.0)"),
        ("seed = true", "a whole number (found true)"),
        ("seed = nan", "number"),
        ("seed = 2024-01-01", "whole number"),
        ("seed = [0]", "whole number"),
        ("seed = {a = 0}", "whole number"),
        ("seed = 0x" + "f" * 50_000, "too long to show"),
        ("study = 1", "true or false (found 1)"),
        ('effects = "yes"', "true or false (found 'yes')"),
        ("out = 3", "path"),
    ],
)
def test_a_value_of_another_type_is_no_value(tmp_path, key, found):
    with pytest.raises(UsageError) as caught:
        load_config(write(tmp_path, f"[audit]\n{key}\n"))
    assert f"[audit] {key.split()[0]} should be" in str(caught.value)
    assert found in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '[audit]\nlegs = "fairness"',
            """[audit] legs should be a list, such as ["fairness"] (found 'fairness')""",
        ),
        ('[policy]\nrequire = "a >= 1"', """require should be a list, such as ["a >= 1"] (found 'a >= 1')"""),
        ('[privacy]\naudits = "m.json"', """audits should be a list, such as ["m.json"] (found 'm.json')"""),
        ('[audit]\ntitle = ["Loans"]', 'title should be a text in quotation marks, such as "Loans" (found ['),
        ("[audit]\ntitle = 7", 'title should be a text in quotation marks, such as "7" (found 7)'),
        ("[audit]\nlegs = []", "[audit] legs should have at least 1 item (found [])"),
        ("[fairness.table]\nprivileged = ['M', 'z']", "table.privileged should be a text (found ['M', 'z'])"),
        ("[fairness.table]\nsensitive = {a = 1}", "table.sensitive should be a list (found a table)"),
        (
            "[policy.waivers]\nrule = 'x'",
            "should be a list of tables, each below [[policy.waivers]] (found a",
        ),
        ("[[privacy.plan.queries]]\nbounds = 3", "bounds should be a list of 2 values (found 3)"),
        (
            "[[privacy.plan.queries]]\nbounds = [1, 2, 3]",
            "bounds should have at most 2 items (found [1, 2, 3])",
        ),
        ("[privacy.plan]\nqueries = [3]", "plan.queries number 1 should be a table (found 3)"),
        ("[audit]\nstudy = 3.5", "study should be true or false (found 3.5)"),
    ],
)
def test_a_message_says_how_toml_writes_what_is_expected(tmp_path, content, said):
    with pytest.raises(UsageError) as caught:
        load_config(write(tmp_path, f"{content}\n"))
    assert said in str(caught.value)
    assert "tuple" not in str(caught.value)


def test_private_training_is_measured_among_the_effects(tmp_path):
    with pytest.raises(UsageError, match="private_training is measured among effects"):
        load_config(write(tmp_path, "[audit]\nprivate_training = true\n"))
    assert load_config(
        write(tmp_path, "[audit]\neffects = true\nprivate_training = true\n")
    ).audit.private_training


def test_a_number_may_be_written_as_a_whole_one(tmp_path):
    config = load_config(write(tmp_path, "[privacy]\nepsilon = 1\n[audit]\nseed = 4294967295\n"))
    assert config.privacy.epsilon == 1
    assert config.fairness.seed == 2**32 - 1


@pytest.mark.parametrize(
    "text",
    [
        '[audit]\n"\\u001b[31mred\\n::error::line" = 1',
        '"a\\n::error::b" = 1',
        '[security]\nprofile = "\\u001b[31mred\\nnext\\u202e"',
        '[security]\nprofile = "' + "x" * 200_000 + '"',
        "\n".join(f"[a{number}]" for number in range(2_000)),
        "[policy]\nrequire = [" + "3," * 5_000 + "]",
    ],
)
def test_what_is_said_of_a_file_is_one_short_line(tmp_path, text):
    with pytest.raises(UsageError) as caught:
        load_config(write(tmp_path, text))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 12_000


def test_a_path_may_be_a_text(tmp_path):
    assert load_config(str(write(tmp_path, "[audit]\nseed = 2\n"))).audit.seed == 2


def test_an_item_of_a_list_is_named_by_its_number_from_one(tmp_path):
    waiver = '[[policy.waivers]]\nrule = "fairness.metric"\nreason = "x"\n'
    path = write(tmp_path, f"{waiver}expires = 2026-12-31\n{waiver}until = 2026-12-31\n")
    with pytest.raises(UsageError) as error:
        load_config(path)
    assert "[policy] waivers number 2, expires is missing" in str(error.value)
    assert "[policy] waivers number 2, until is not known" in str(error.value)
    assert "number 1" not in str(error.value)
