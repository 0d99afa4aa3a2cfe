"""``trivet privacy plan --mechanism dp-sgd``: what is printed, kept and refused."""

import json

import pytest

from trivet.cli.main import main

LOOP = ["--mechanism", "dp-sgd", "--dataset-size", 5_000, "--batch", 50, "--delta", "1e-6"]
NOISE = [*LOOP, "--steps", 300, "--inverse", "--noise-multiplier", 1.1]
TABLE = """
[audit]
study = false
[privacy.training]
dataset_size = 5000
batch = 50
epochs = 3
epsilon = 2.0
delta = 1e-6
"""


@pytest.fixture
def plan(capsys):
    """Run the command in this process; give exit code, standard output and standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["privacy", "plan", *map(str, arguments)])
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return call


def test_the_figures_of_mnist_are_printed_apart(trivet):
    done = trivet(
        "privacy", "plan", "--mechanism", "dp-sgd", "--dataset-size", "60000", "--batch", "256", "--steps",
        "14063", "--delta", "1e-5", "--inverse", "--noise-multiplier", "1.1",
    )  # fmt: skip
    assert done.code == 0, done.err
    sampled, shuffled = done.out.split("Shuffled batches  neighbours")
    assert " 2.5967" in sampled
    assert " 2.3819" in sampled
    assert "54.707" not in sampled
    assert "54.707" in shuffled
    assert "[ ] Every step tosses a coin" in sampled
    assert "[ ] The gradient of each example is clipped by itself" in shuffled


def test_json_is_one_document_and_curves_come_when_they_are_wanted(plan):
    code, out, _ = plan(*NOISE, "--json")
    assert code == 0
    assert json.loads(out)["curves"] is None
    _, out, _ = plan(*NOISE, "--json", "--curves", "--sampling", "shuffled")
    found = json.loads(out)
    assert {line["over"] for line in found["curves"]["lines"]} == {"epochs", "batch"}
    assert {row["sampling"] for row in found["rows"]} == {"shuffled"}


def test_the_folder_gets_a_page_and_a_picture(plan, tmp_path):
    code, out, _ = plan(*NOISE[:-1], 4, "--out", tmp_path / "a")  # much noise, and few losses to convolve
    assert code == 0
    assert "training.html" in out
    page = (tmp_path / "a" / "training.html").read_text(encoding="utf-8")
    for text in ("Private training", "add-or-remove-one", "zero-out", "tosses a coin", "Mironov"):
        assert text in page
    assert (tmp_path / "a" / "figures" / "privacy_training_curves.png").exists()
    assert json.loads((tmp_path / "a" / "training.json").read_text())["sampling_rate"] == 0.01


def test_a_table_of_audit_toml_is_the_loop_and_options_override_it(plan, tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text(TABLE)
    chosen = (path, "--mechanism", "dp-sgd", "--sampling", "shuffled", "--json")
    code, out, _ = plan(*chosen)
    found = json.loads(out)
    assert code == 0
    assert (found["steps"], found["epsilon"], found["noise_multiplier"]) == (300, 2.0, None)
    _, out, _ = plan(*chosen, "--steps", 1_000)
    assert json.loads(out)["steps"] == 1_000
    _, out, _ = plan(*chosen, "--inverse", "--noise-multiplier", 4)
    found = json.loads(out)
    assert (found["epsilon"], found["noise_multiplier"]) == (None, 4.0)


def test_a_run_keeps_the_plan_in_the_record_and_the_report(trivet, tmp_path):
    (tmp_path / "audit.toml").write_text(TABLE.replace("delta", 'sampling = "shuffled"\ndelta'))
    done = trivet("run", tmp_path / "audit.toml", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    (guarantee,) = record["privacy"]["training"]["guarantees"]
    assert guarantee["epsilon"] <= 2.0
    assert "Private training" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())["findings"]
    assert [each["id"] for each in findings if each["rule"] == "privacy.training"] == ["privacy.training.1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mechanism", "dp-sgd"], "needs --dataset-size and --batch"),
        ([*LOOP, "--epsilon", 1], "--epochs or --steps says"),
        ([*LOOP, "--epsilon", 1, "--epochs", 1, "--steps", 9], "--epochs or --steps says"),
        ([*LOOP, "--epochs", 1], "--epsilon or --noise-multiplier says"),
        ([*LOOP, "--epochs", 1, "--noise-multiplier", 1], "--noise-multiplier gives the noise for --inverse"),
        ([*LOOP, "--epochs", 1, "--epsilon", 1, "--inverse"], "give it with --noise-multiplier"),
        (
            [*NOISE[:4], "--batch", 5_001, *NOISE[6:]],
            "--batch is 5,001, more than the 5,000 examples of --dataset-size",
        ),
        ([*NOISE, "--queries", 3], "--queries: of queries"),
        ([*NOISE, "--adjacency", "replace-one"], "--adjacency: of queries"),
        ([*NOISE, "--curves"], "--curves are numbers"),
        (["--epsilon", 1, "--queries", 1, "--sensitivity", 1, "--batch", 9], "--batch: of private training"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(plan, arguments, message):
    code, out, err = plan(*arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_a_file_without_the_table_is_refused(plan, tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text("")
    code, _, err = plan(path, "--mechanism", "dp-sgd")
    assert code == 2
    assert "has no [privacy.training] table" in err
