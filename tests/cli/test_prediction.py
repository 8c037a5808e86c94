"""`heimdall plan` predicts what training takes, and recommends what fits."""

import pytest

from cli.options import UseCase
from cli.prediction import compare_presets, render, render_options
from presets.loader import list_presets, load_preset
from training.devices import find_device
from training.estimate import describe_model, estimate, guess_lengths


@pytest.mark.parametrize("hardware", ["2080 Ti 11GB", "cpu 16GB"])
def test_what_is_recommended_fits_and_suits_the_use_case(hardware: str) -> None:
    for use_case in (UseCase.MIT, UseCase.EMBEDDED):
        rows = compare_presets(find_device(hardware), use_case)
        assert {row.preset for row in rows} == set(list_presets()) - {"custom", "heimdall_smoke"}
        (chosen,) = (row for row in rows if row.chosen)
        assert chosen.batch is not None
        assert f"--preset {chosen.preset}" in render_options(rows)
        if use_case is UseCase.MIT:
            assert chosen.license == "MIT"
        if use_case is UseCase.EMBEDDED:
            assert load_preset(chosen.preset).train.scratch is not None


def test_a_machine_with_more_memory_is_never_recommended_a_smaller_model() -> None:
    sizes = []
    for memory in ("4GB", "24GB"):
        rows = compare_presets(find_device(memory), UseCase.BEST)
        sizes.append(max(row.parameters for row in rows if row.chosen))
    assert sizes == sorted(sizes)


def test_where_nothing_fits_nothing_is_recommended() -> None:
    rows = compare_presets(find_device("0.5GB"), UseCase.BEST)
    assert not any(row.chosen or row.fits for row in rows)
    assert "None fits" in render_options(rows)


def test_a_prediction_says_whether_it_fits_and_the_way_out() -> None:
    preset = load_preset("heimdall_max")
    base = describe_model(preset.train)
    assert base is not None
    lengths = guess_lengths(preset, base.vocab_size)
    text = render(estimate(preset, base, lengths, find_device("2080 Ti")))
    assert "DOES NOT FIT" in text
    assert "take a smaller model" in text
    assert "fp16: compute capability 7.5" in text
    assert "advice" not in render(estimate(preset, base, lengths, find_device("A100 80GB")))
    assert "no prediction" in render(None)
