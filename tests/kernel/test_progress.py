"""Long work shows done, total, rate and time left, without flooding a log."""

import sys

import pytest

from heimdall import progress
from heimdall.progress import TerminalProgress, format_seconds, silent


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3599, "59:59"), (3600, "60:00")]
)
def test_seconds_are_shown_as_minutes(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_rate_and_time_left_follow_what_was_done(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show = TerminalProgress("Training", "steps", every=0)
    show(0, 100)
    clock.now += 10
    show(20, 100, "loss 0.5")
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.split() == ["Training", "20/100", "steps", "2.0/s", "0:10", "0:40", "left", "loss", "0.5"]


def test_resumed_work_does_not_count_what_was_there_before(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show = TerminalProgress("Training", "steps", every=0)
    show(80, 100)
    clock.now += 10
    show(90, 100)
    assert "1.0/s  0:10  0:10 left" in capsys.readouterr().err


def test_a_log_gets_a_line_now_and_then_and_always_the_last(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    show = TerminalProgress("Asking", "questions")
    for done in range(0, 101):
        show(done, 100)
        clock.now += 0.25
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["0/100", "40/100", "80/100", "100/100"]
    assert "\r" not in "".join(lines)


def test_a_terminal_rewrites_one_line_until_the_work_is_done(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    show = TerminalProgress("Asking", "questions")
    for done in range(3):
        show(done, 2)
        clock.now += 1
    text = capsys.readouterr().err
    assert text.count("\r\x1b[2K") == 3
    assert text.count("\n") == 1
    assert text.endswith("\n")


def test_another_listener_hears_what_is_shown(clock: Clock) -> None:
    heard: list[tuple[float, str]] = []
    show = TerminalProgress("Asking", "questions", every=5, also=lambda percent, text: heard.append((percent, text)))
    for done in range(5):
        show(done, 4)
        clock.now += 1
    assert [percent for percent, _ in heard] == [0.0, 100.0]
    assert heard[-1][1].startswith("Asking  4/4 questions")


def test_work_of_unknown_or_no_size_does_not_fail(clock: Clock) -> None:
    show = TerminalProgress("Nothing", "rows", every=0)
    show(0, 0)
    show(0, 0)
    silent(1, 2, "note")
