"""`heimdall plan` predicts what training takes, and recommends what fits."""

import pytest

from cli.options import UseCase
from cli.prediction import Prediction, recommend, render, render_recommendation
from presets.bases import describe_model
from presets.loader import list_presets, load_preset
from training.devices import find_device
from training.estimate import estimate
from training.lengths import guess_lengths


@pytest.mark.parametrize("hardware", ["2080 Ti 11GB", "cpu 16GB"])
def test_what_is_recommended_fits_and_suits_the_use_case(hardware: str) -> None:
    found = recommend(find_device(hardware), UseCase.MIT)
    assert {option.preset for option in found.presets} == set(list_presets()) - {"custom", "heimdall_smoke"}
    options = {option.preset: option for option in found.presets}
    chosen = {use: options[preset] for use, preset in found.uses.items() if preset}
    assert set(chosen) == {use.value for use in UseCase}
    assert all(option.batch for option in chosen.values())
    assert chosen["mit"].license == "MIT"
    assert chosen["embedded"].from_scratch
    assert chosen["fast"].operations == min(option.operations for option in found.presets if option.batch)
    assert chosen["best"].parameters >= max(option.parameters for option in chosen.values())
    assert f"recommended for 'mit': heimdall retrain --preset {chosen['mit'].preset}" in render_recommendation(found)


def test_longer_contexts_of_a_preset_need_more_memory_and_take_smaller_batches() -> None:
    contexts = recommend(find_device("2080 Ti"), UseCase.BEST).contexts
    assert [option.context for option in contexts][:3] == [1024, 2048, 4096]
    assert [option.needed for option in contexts] == sorted(option.needed for option in contexts)
    batches = [option.batch or 0 for option in contexts]
    assert batches == sorted(batches, reverse=True)


def test_a_machine_with_more_memory_is_never_recommended_a_smaller_model() -> None:
    sizes = []
    for memory in ("4GB", "24GB"):
        found = recommend(find_device(memory), UseCase.BEST)
        (size,) = (option.parameters for option in found.presets if option.preset == found.uses["best"])
        sizes.append(size)
    assert sizes == sorted(sizes)


def test_where_nothing_fits_nothing_is_recommended() -> None:
    found = recommend(find_device("0.5GB"), UseCase.BEST)
    assert not any(found.uses.values())
    assert "None fits" in render_recommendation(found)


def test_a_prediction_says_whether_it_fits_and_the_way_out() -> None:
    preset = load_preset("heimdall_max")
    base = describe_model(preset.train)
    assert base is not None
    lengths = guess_lengths(preset, base.vocab_size)
    small, large = (
        render(Prediction(estimate=estimate(preset, base, lengths, find_device(name)), dry_run=None, warning=None))
        for name in ("2080 Ti", "A100 80GB")
    )
    assert "DOES NOT FIT" in small
    assert "take a smaller model" in small
    assert "fp16: CUDA compute capability 7.5" in small
    assert "advice" not in large
    assert "no prediction" in render(None)
