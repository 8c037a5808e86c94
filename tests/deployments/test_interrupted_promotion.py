"""A promotion or rollback that dies at any step leaves a whole model, and the next command puts the rest in order."""

import os
import shutil
from collections.abc import Callable

import pytest
from deployment_site import CONFIG, Site
from dying import act_until_step

from deployments.rollback import rollback
from deployments.switch import recover
from deployments.target import read_deployment

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is flushed and when is tested in test_publish.py; here thousands of small files are written.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


Action = Callable[[Site], object]


def publish_c(site: Site) -> object:
    return site.publish("c")


def roll_back(site: Site) -> object:
    return rollback(CONFIG, site.root, bool)


# What is published before, what is done then, and which model is meant to be deployed and kept afterwards.
SCENARIOS: dict[str, tuple[str, Action, str, str | None]] = {
    "first": ("", publish_c, "c", None),
    "second": ("b", publish_c, "c", "b"),
    "third": ("ab", publish_c, "c", "b"),
    "rollback": ("ab", roll_back, "a", "b"),
}


def check_whole(site: Site, before: str, wanted: str) -> None:
    """What NornicDB may meet at any instant: the old model or the new one, and a readable manifest of either."""
    allowed = {site.content(name) for name in (before[-1:], wanted) if name}
    if before:
        assert site.target.model.exists()
    if site.target.model.exists():
        assert site.target.model.read_bytes() in allowed
    if site.target.manifest.exists():
        assert site.manifest().sha256 in {site.sha256(name) for name in (before[-1:], wanted) if name}


def check_in_order(site: Site, before: str, wanted: str, kept: str | None) -> None:
    """After recovery: file, manifest, previous model and fragment agree, and nothing else is left."""
    deployed = read_deployment(site.target)
    assert deployed.pending is None
    assert not [path for path in site.root.rglob(".*") if path != site.target.lock]
    if deployed.current is None:
        assert not before
        assert site.snapshot() == {}
        return
    assert site.target.fragment.exists()
    previous = deployed.previous.sha256 if deployed.previous else None
    assert deployed.current.previous == previous
    if deployed.current.sha256 == site.sha256(wanted):
        assert previous == (site.sha256(kept) if kept else None)
    else:
        assert deployed.current.sha256 == site.sha256(before[-1])
        assert previous == (site.sha256(before[-2]) if len(before) > 1 else None)


class Start:
    """The state from which each try begins, made once."""

    def __init__(self, site: Site, before: str) -> None:
        self._site, self._kept = site, site.store / "start"
        site.root.mkdir()
        for name in before:
            site.publish(name)
        site.root.rename(self._kept)

    def restore(self) -> None:
        shutil.rmtree(self._site.root, ignore_errors=True)
        shutil.copytree(self._kept, self._site.root)


@pytest.mark.parametrize("how", ["kill", "full"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_dying_at_any_step_leaves_a_whole_model_that_the_next_command_puts_in_order(
    site: Site, scenario: str, how: str
) -> None:
    before, act, wanted, kept = SCENARIOS[scenario]
    start = Start(site, before)
    outcomes = set()
    step = 0
    while "done" not in outcomes:
        step += 1
        start.restore()
        outcome = act_until_step(lambda: act(site), step, how, site.root)
        outcomes.add(outcome)
        check_whole(site, before, wanted)
        recover(CONFIG, site.root)
        check_in_order(site, before, wanted, kept)
        site.publish(wanted)
        assert site.target.model.read_bytes() == site.content(wanted)
        check_in_order(site, before, wanted, kept)
    assert step > 20, "too few steps were seen for this to be a test"
    assert ("killed" if how == "kill" else "refused") in outcomes


@pytest.mark.parametrize("scenario", ["first", "third", "rollback"])
def test_dying_again_while_recovering_does_no_harm(site: Site, scenario: str) -> None:
    before, act, wanted, kept = SCENARIOS[scenario]
    start = Start(site, before)
    step, pending = 0, False
    while not pending:  # the first step after which the journal is there
        step += 1
        start.restore()
        assert act_until_step(lambda: act(site), step, "kill", site.root) == "killed"
        pending = site.target.journal.exists()
    outcome, again = "", 0
    while outcome != "done":
        again += 1
        start.restore()
        act_until_step(lambda: act(site), step, "kill", site.root)
        outcome = act_until_step(lambda: recover(CONFIG, site.root), again, "kill", site.root)
        check_whole(site, before, wanted)
        deployed = recover(CONFIG, site.root)
        assert deployed.current is not None
        assert deployed.current.sha256 == site.sha256(wanted)
        check_in_order(site, before, wanted, kept)
    assert again > 10
