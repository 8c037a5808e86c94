"""The export as a whole: merge, convert to F16, prove parity, quantise, and look at what came out."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from export.convert import CONVERTER, GgufMetadata, convert_to_gguf
from export.inspect import find_problems, inspect_gguf
from export.merge import merge_adapter
from export.parity import check_parity
from export.quantize import Quantized, quantize
from heimdall.config import ExportConfig
from heimdall.errors import ExportError, InputError
from heimdall.files import explaining_disk_errors
from heimdall.progress import Progress, silent
from heimdall.refs import ParityReport, Record


class ExportedFile(Record):
    """One file of the export. `path` is relative to the directory that was asked for; `warning` is about fallbacks."""

    path: str
    file_bytes: int
    bits_per_weight: float
    types: dict[str, int]
    warning: str | None = None


class Export(Record):
    """What an export made. `parity` is the gate, on the F16 file; `shipped_parity` a measurement, on the one to ship.

    Quantising changes weights, so some greedy answers of the shipped file may differ: what that costs is for the
    evaluation to say. Its tokens must not differ, and that is part of the gate.
    """

    files: dict[str, ExportedFile]
    ship: str
    converter: str
    tokenizer_digest: str
    parity: ParityReport
    shipped_parity: ParityReport


def export_model(
    model_dir: Path,
    out_dir: Path,
    config: ExportConfig,
    prompts: Sequence[str],
    metadata: GgufMetadata,
    progress: Progress = silent,
    *,
    threads: int = 1,
) -> Export:
    """Writes `heimdall-<quantisation>.gguf` files into `out_dir`; `progress` counts the steps.

    `prompts` are whole ChatML texts; `config` says how many of them are tokenised and answered to prove parity. Raises
    `ExportError`, leaving no file, if the F16 file does not follow the model.
    """
    steps = _Steps(progress, total=3 + len(config.quantizations))
    prompts = prompts[: config.parity_prompts]
    with explaining_disk_errors(out_dir), tempfile.TemporaryDirectory(prefix=".export-", dir=_make(out_dir)) as work:
        whole = merge_adapter(model_dir, Path(work) / "merged")
        f16 = Path(work) / "f16.gguf"
        steps.begin("convert to F16")
        convert_to_gguf(whole, f16, metadata, steps.within)
        info = inspect_gguf(f16)
        problems = find_problems(info)
        if problems:
            raise ExportError(f"NornicDB could not run the exported model: {problems[0]}.")
        steps.begin("parity of F16")
        try:
            parity = check_parity(whole, f16, prompts, config.parity_answers, steps.within, threads=threads)
        except InputError as error:  # the file is our own: not the user's fault
            raise ExportError(f"the exported model cannot be loaded: {error}") from error
        if not parity.passed:
            raise ExportError(f"the GGUF file does not follow the trained model: {parity.reasons[0]}.")
        made: dict[str, Quantized] = {}
        for kind in config.quantizations:
            steps.begin(f"quantise to {kind}")
            made[kind] = quantize(f16, Path(work) / _name(kind), kind, threads)
        steps.begin(f"parity of {config.ship}")
        shipped = parity
        if config.ship != "F16":
            shipped_file = Path(work) / _name(config.ship)
            shipped = check_parity(whole, shipped_file, prompts, config.parity_answers, steps.within, threads=threads)
            if shipped.tokenization_matches < shipped.prompts:
                raise ExportError(f"the {config.ship} file does not tokenise as the model does: {shipped.reasons[0]}.")
        for name in map(_name, made):
            (Path(work) / name).replace(out_dir / name)
    steps.end()
    return Export(
        files={kind: _describe(kind, quantized) for kind, quantized in made.items()},
        ship=config.ship,
        converter=CONVERTER,
        tokenizer_digest=info.tokenizer_digest,
        parity=parity,
        shipped_parity=shipped,
    )


class _Steps:
    """Turns the progress of each step into hundredths of the whole."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done, self._note = progress, total, -1, ""

    def begin(self, note: str) -> None:
        self._done, self._note = self._done + 1, note
        self._progress(100 * self._done, 100 * self._total, note)

    def within(self, done: int, total: int, note: str = "") -> None:
        self._progress(100 * self._done + 100 * done // max(total, 1), 100 * self._total, self._note)

    def end(self) -> None:
        self._progress(100 * self._total, 100 * self._total)


def _make(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _name(kind: str) -> str:
    return f"heimdall-{kind}.gguf"


def _describe(kind: str, quantized: Quantized) -> ExportedFile:
    return ExportedFile(
        path=_name(kind),
        file_bytes=quantized.info.file_bytes,
        bits_per_weight=quantized.info.bits_per_weight,
        types=quantized.info.types,
        warning=quantized.warning,
    )
