"""Weights as scripts, trainers and exporters save them: read, or refused for a true reason."""

import json
from dataclasses import replace

import pytest
import safetensors.torch
import torch
from layout_nets import Wrapped
from layouts import (
    EXCEPTIONS,
    LAYOUTS,
    SAVED,
    STATE,
    Layout,
    indexed,
    outcome_of,
    renamed,
    row_of,
    rows_of_page,
    saved,
)
from torch.nn import functional

from trivet.errors import CheckpointError
from trivet.security import load_checkpoint
from trivet.work.confined import Confined


@pytest.fixture(scope="module")
def reader():
    with Confined(ready="trivet.security.reading.weights") as child:
        yield child


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_read_or_refused_as_the_page_says(tmp_path, reader, layout):
    if layout.needs is not None:
        pytest.importorskip(layout.needs, reason="an extra is not installed")
    outcome = outcome_of(layout, tmp_path, reader)
    assert row_of(layout.name, outcome) in rows_of_page(), "python tests/security/layouts.py writes the page"
    excepted = any(layout.name in names for names in EXCEPTIONS.values())
    assert excepted == (outcome.by_pytorch and not outcome.read)
    if outcome.read and layout.architecture in {"layout_nets:Net", "layout_nets:Wrapped"}:
        assert_weights(outcome.checkpoint)
    elif outcome.read and layout.needs == "onnx2torch":
        images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        features = functional.conv2d(images, STATE["features.0.weight"]).mean((2, 3)).sum(1, keepdim=True)
        found = outcome.checkpoint.model.logits(images)
        torch.testing.assert_close(found, features.expand(2, 10), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("name", "content"), SAVED, ids=[name for name, _ in SAVED])
def test_what_was_saved_before_pytorch_16_is_read_alike(tmp_path, reader, name, content):
    old = Layout(name, saved(content, _use_new_zipfile_serialization=False))
    outcome = outcome_of(old, tmp_path, reader)
    rows = (row_of(name, replace(outcome, by_pytorch=reads)) for reads in (True, False))
    assert rows_of_page().intersection(rows)


def test_fractions_in_a_buffer_of_whole_numbers_are_refused(tmp_path):
    torch.save({**indexed(), "order": torch.arange(64) + 0.5}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"numbers in 'order' that torch\.int64"):
        load_checkpoint(tmp_path / "a.pth", architecture="layout_nets:Indexed", input_shape=(1, 8, 8))


def test_the_page_has_every_layout_once():
    names = [layout.name for layout in LAYOUTS]
    assert len(set(names)) == len(names) == len(rows_of_page()) - 1
    assert {name for group in EXCEPTIONS.values() for name in group} <= set(names)


def assert_weights(checkpoint):
    found = {name.removeprefix("model."): value for name, value in checkpoint.model.weights().items()}
    for name, value in STATE.items():
        if "num_b" not in name:
            assert torch.allclose(found[name], value.float(), atol=2e-2), name


def assert_read(path, architecture="layout_nets:Net", **settings):
    checkpoint = load_checkpoint(
        path, architecture=architecture, input_shape=(1, 8, 8), classes=10, **settings
    )
    assert_weights(checkpoint)
    return checkpoint.info.loading


@pytest.mark.parametrize("prefix", ["", "model."])
def test_safetensors_in_one_file_and_in_several(tmp_path, prefix):
    state = renamed(prefix)
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    assert_read(tmp_path / "a.safetensors")
    first, second = dict(list(state.items())[:4]), dict(list(state.items())[4:])
    places = {}
    for name, part in (("m-1.safetensors", first), ("m-2.safetensors", second)):
        safetensors.torch.save_file(part, tmp_path / name)
        places |= dict.fromkeys(part, name)
    index = tmp_path / "m.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert_read(index)
    index.write_text(json.dumps({"weight_map": {"a": "../m-1.safetensors"}}))
    with pytest.raises(CheckpointError, match="names a part outside of its folder"):
        assert_read(index)


def test_names_are_put_below_the_module_that_the_architecture_has(tmp_path):
    torch.save(STATE, tmp_path / "a.pth")
    (note,) = assert_read(tmp_path / "a.pth", "layout_nets:Wrapped")
    assert note == "'model.' was put before the names of the layers."
    assert Wrapped().state_dict().keys() == renamed("model.").keys()


def test_of_several_networks_that_fit_one_has_to_be_named(tmp_path):
    other = {name: value + 1 for name, value in STATE.items()}
    torch.save({"state_dict": other, "state_dict_ema": STATE}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"under 'state_dict' and 'state_dict_ema'; name .*--state"):
        assert_read(tmp_path / "a.pth")
    assert assert_read(tmp_path / "a.pth", state_key="state_dict_ema") == ()


def test_a_network_is_found_after_any_number_of_layers_with_the_name_of_its_first(tmp_path):
    named = {f"blocks.{number}.features.0.weight": STATE["features.0.weight"] for number in range(100)}
    torch.save(named | renamed("net."), tmp_path / "a.pth")
    assert assert_read(tmp_path / "a.pth")[0] == "'net.' was taken off the names of the layers."


def test_of_many_copies_one_that_differs_is_seen_wherever_it_stands(tmp_path):
    copies = {key: each for number in range(70) for key, each in renamed(f"copy{number}.").items()}
    few = {key: each for key, each in copies.items() if key.startswith(("copy1.", "copy2."))}
    other = {f"other.{key}": torch.ones_like(value) for key, value in STATE.items()}
    for content, message in (
        (few | other, r"fit under 'copy1\.' and 'other\.', with different weights"),
        (copies | other, "fit under 71 prefixes; name the prefix that is meant with --state-key"),
    ):
        torch.save(content, tmp_path / "a.pth")
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(
                tmp_path / "a.pth", architecture="layout_nets:Net", input_shape=(1, 8, 8), classes=4
            )


@pytest.mark.parametrize("first", ["student.", ""])
def test_of_several_prefixes_that_fit_none_is_chosen(tmp_path, first):
    other = {f"teacher.{key}": torch.ones_like(value) for key, value in STATE.items()}
    for name, content in (("a.pth", renamed(first) | other), ("b.pth", other | renamed(first))):
        torch.save(content, tmp_path / name)
        with pytest.raises(CheckpointError, match="with different weights"):
            load_checkpoint(tmp_path / name, architecture="layout_nets:Net", input_shape=(1, 8, 8), classes=4)


def inside(wrapper, prefix="", more=0.0):
    return {
        f"{prefix}{key.replace('features.', f'features.{wrapper}')}": v + more for key, v in STATE.items()
    }


@pytest.mark.parametrize("wrapper", ["module.", "_fsdp_wrapped_module."])
@pytest.mark.parametrize("first", ["ema.", ""])
def test_wrappers_inside_names_hide_no_second_network(tmp_path, wrapper, first):
    two = inside(wrapper, first) | inside(wrapper, "net.", 1.0)
    mixed = inside(wrapper, first) | inside("", "net.", 1.0)
    both = inside(wrapper, first, 1.0) | inside("", first)
    for content in (two, mixed, both, dict(reversed(both.items()))):
        torch.save(content, tmp_path / "a.pth")
        with pytest.raises(CheckpointError, match="with different weights"):
            load_checkpoint(
                tmp_path / "a.pth", architecture="layout_nets:Net", input_shape=(1, 8, 8), classes=4
            )
    torch.save(
        {**STATE, **{key.replace("features.", f"features.{wrapper}"): STATE[key] for key in STATE}},
        tmp_path / "a.pth",
    )
    assert_read(tmp_path / "a.pth")


def test_a_shard_gives_only_what_the_index_says_of_it(tmp_path):
    good = {key: value.contiguous() for key, value in STATE.items()}
    safetensors.torch.save_file(good, tmp_path / "p1.safetensors")
    safetensors.torch.save_file(
        {key: torch.zeros_like(value) for key, value in good.items()} | {"extra": torch.zeros(1)},
        tmp_path / "p2.safetensors",
    )
    index = tmp_path / "m.safetensors.index.json"
    places = dict.fromkeys(good, "p1.safetensors")
    index.write_text(json.dumps({"weight_map": places}))
    assert_read(index)
    index.write_text(json.dumps({"weight_map": places | {"other": "p2.safetensors"}}))
    with pytest.raises(CheckpointError, match="holds 'other', which it does not"):
        load_checkpoint(index, architecture="layout_nets:Net", input_shape=(1, 8, 8), classes=4)


def test_what_was_done_to_read_a_file_stands_in_the_record(tmp_path):
    torch.save({"best": {**renamed("model."), "head.weight": torch.ones(3)}}, tmp_path / "a.pth")
    assert assert_read(tmp_path / "a.pth") == (
        "The weights are those under 'best'.",
        "'model.' was taken off the names of the layers.",
        "1 tensors beside the layers were left out: 'head.weight'.",
    )
