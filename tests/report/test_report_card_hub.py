"""Cards as the Hub's own library reads them: the same results, and a model index that it writes alike."""

import pytest

pytest.importorskip("huggingface_hub")
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from example_audits import audit_of, changed
from example_records import example_own_record, example_record
from trivet.record import as_json
from trivet.report.card import model_card
from trivet.report.front_matter import model_index

NAMES = {"name": "me/credit: 'v2'", "source": "https://example.org/audits/7"}


@pytest.mark.parametrize("options", [{}, NAMES], ids=["plain", "named"])
def test_the_library_reads_every_result(options):
    record = example_own_record()
    read = ModelCard(model_card(audit_of(record), **options))
    (ours,) = model_index(as_json(record), **options)
    assert read.data.model_name == ours["name"]
    assert read.data.tags[:2] == ["trivet", "audit"]
    assert eval_results_to_model_index(ours["name"], read.data.eval_results) == [ours]
    assert model_index_to_eval_results([ours]) == (ours["name"], read.data.eval_results)
    assert all(each.verified is None for each in read.data.eval_results)
    assert read.text.strip().startswith("# An example audit")


def test_a_card_of_the_study_alone_has_no_results():
    record = changed(example_record(), "security.scan.checkpoint.source", "embedded")
    assert ModelCard(model_card(audit_of(record))).data.eval_results is None
