"""The report card: complete in each rendering, self-contained, and safe with whatever a model replies."""

import io
import re
from html.parser import HTMLParser

import pytest
from eval_samples import make_example, make_examples, make_report
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eval.card import METRIC_TITLES, WRONG_SHOWN, Card, CurvePoint, bin_shares, build_card, list_limits
from eval.diff import diff_words
from eval.figures import draw_figures
from eval.metrics import compare_examples
from eval.named import list_named_figures
from eval.render import render_html, render_markdown, render_terminal
from eval.verdict import decide, list_paired_paths
from heimdall.config import GateConfig
from heimdall.page import to_svg
from heimdall.refs import ArtifactRef, ExportResult, GgufRef, ModelRef, ParityReport
from heimdall.text import make_visible

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} $x$ "
    "\x1b]0;owned\x07\x1b[31m\x9b2J \u202eevil\x00 &amp;"
)


def make_card(**changes: object) -> Card:
    examples, before = make_examples(0.7), make_examples(0.5, seed=2)
    report, champion, gate = make_report(examples), make_report(before, "b" * 64), GateConfig()
    differences = compare_examples(examples, before, list_paired_paths(gate))
    artifact = ArtifactRef(uri="f", sha256="f" * 64, size=6_290_000, media_type="application/gguf")
    settings: dict[str, object] = {
        "champion": champion,
        "differences": differences,
        "model": ModelRef(
            artifact=artifact,
            base="scratch",
            license="MIT",
            parameters=5_771_264,
            template_digest="t",
            dataset_digest="d",
            contract_digest="c",
            prompt="minimal",
        ),
        "export": ExportResult(
            files={"Q8_0": GgufRef(artifact=artifact, quantization="Q8_0", bits_per_weight=8.5, types={"Q8_0": 43})},
            ship="Q8_0",
            converter="gguf 0.19.0",
            tokenizer_digest="t",
            parity=ParityReport(
                passed=True, prompts=100, tokenization_matches=99, greedy_answers=20, greedy_matches=19, reasons=()
            ),
        ),
        "curve": [CurvePoint(step=step, name="training", loss=5 / (step + 1)) for step in range(0, 100, 10)],
        "run_id": "run-1",
    }
    return build_card(
        "heimdall_nano", report, decide(report, champion, gate, differences), examples, **{**settings, **changes}
    )


@pytest.fixture(scope="module")
def card() -> Card:
    return make_card()


@pytest.fixture(scope="module")
def hostile_card() -> Card:
    examples = [
        make_example(judgement="wrong", reply=HOSTILE, question=HOSTILE, reason=HOSTILE, action=None),
        make_example(family="action", judgement="wrong", reply=HOSTILE, action=None),
    ]
    report = make_report(examples, model=HOSTILE, contract_source=HOSTILE)
    return build_card(HOSTILE, report, decide(report, None, GateConfig()), examples, run_id=HOSTILE)


def print_card(card: Card) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    console.print(render_terminal(card))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


class Page(HTMLParser):
    """Collects tags, attributes and text; raises on an end tag that closes nothing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "col"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_every_score_reaches_the_page_with_value_and_interval(card: Card) -> None:
    words = Page(render_html(card)).words
    for part in card.report.slices:
        for score in part.scores.values():
            if score.unit == "share" and score.value is not None:
                assert f"{100 * score.value:.1f} %" in words
                assert f"{100 * score.low:.1f}–{100 * score.high:.1f}" in words
    for text in (*card.verdict.reasons, card.report.model_sha256, card.report.dataset_digest, "99 of 100 prompts"):
        assert text in words


def test_the_page_stands_alone_and_is_well_formed(card: Card) -> None:
    page = Page(render_html(card))
    assert page.open == []
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in ("src", "action")
        assert not re.match(r"\s*(https?:|//|javascript:|data:text)", value or "") or name.startswith("xmlns")
    assert not re.search(r"@import|url\((?!#)", render_html(card))


def test_the_same_card_gives_the_same_bytes(card: Card) -> None:
    assert render_html(card) == render_html(card)
    assert render_markdown(card) == render_markdown(card)


def test_ids_are_unique_though_figures_share_the_page(card: Card) -> None:
    ids = [value for name, value in Page(render_html(card)).attributes if name == "id"]
    repeated = {value for value in ids if ids.count(value) > 1}
    used = set(re.findall(r"(?:href=\"|url\()#([\w-]+)", render_html(card)))
    assert not repeated & used


def test_figures_follow_the_page_in_light_and_dark(card: Card) -> None:
    figures = draw_figures(card)
    assert list(figures) == ["scores", "curve", "confusion", "latency", "reliability", "length"]
    for figure in figures.values():
        svg = to_svg(figure)
        assert svg.startswith("<svg")
        assert "currentColor" in svg
        assert "#000000" not in svg
        assert "#ffffff" not in svg


def test_what_is_unknown_is_left_out_and_not_drawn_empty() -> None:
    examples = [make_example()]
    report = make_report(examples)
    card = build_card("t", report, decide(report, None, GateConfig(guarded=(), min_n=0)), examples)
    words = Page(render_html(card)).words
    assert list(draw_figures(card)) == ["scores", "latency", "reliability", "length"]
    for heading in ("Files", "Wrong answers", "Data set checks", "Actions, expected"):
        assert heading not in words
    assert "SHIP" in print_card(card)


def test_a_score_that_no_question_speaks_about_has_no_column() -> None:
    due = make_example(id="2", expected_action=None, parses=None, refused=True)
    for examples, shown in (([make_example()], False), ([make_example(), due], True)):
        report = make_report(examples)
        card = build_card("t", report, decide(report, None, GateConfig(guarded=(), min_n=0)), examples)
        assert (METRIC_TITLES["refusal_recall"] in render_markdown(card)) == shown
        assert (METRIC_TITLES["refusal_recall"] in Page(render_html(card)).words) == shown


def test_replies_cannot_become_markup(hostile_card: Card) -> None:
    page = Page(render_html(hostile_card))
    assert page.open == []
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "<script>alert(1)</script>" in page.words  # shown, as text
    assert "{{ 7*7 }}" in page.words
    markdown = render_markdown(hostile_card)
    assert "<script" not in markdown
    assert "<img" not in markdown


def test_control_characters_reach_neither_page_nor_markdown(hostile_card: Card) -> None:
    for text in (render_html(hostile_card), render_markdown(hostile_card)):
        assert {c for c in text if not c.isprintable()} <= {"\n"}
    assert r"\x1b[31m" in Page(render_html(hostile_card)).words


def test_control_characters_do_not_reach_the_terminal(hostile_card: Card) -> None:
    printed = print_card(hostile_card)
    styled = re.sub(r"\x1b\[[0-9;]*m", "", printed)  # what rich itself writes: colours, and nothing else
    assert {c for c in styled if not c.isprintable()} <= {"\n"}
    assert r"\x1b]0;owned\x07" in styled
    assert "\x1b[31m\x9b" not in printed


def test_rich_markup_in_a_name_is_text() -> None:
    examples = [make_example()]
    report = make_report(examples, model="[bold red]x[/] [link=file:///etc]y[/link]")
    printed = print_card(build_card("[red]t[/red]", report, decide(report, None, GateConfig()), examples))
    assert "[red]t[/red]" in printed
    assert "[link=file:///etc]" in printed


@given(st.text())
def test_made_visible_text_is_printable_and_plain_text_is_kept(text: str) -> None:
    shown = make_visible(text)
    assert all(c.isprintable() or c == "\n" for c in shown)
    if all(c.isprintable() or c == "\n" for c in text):
        assert shown == text


def test_wrong_answers_are_taken_from_every_slice() -> None:
    examples = [make_example(id=str(i), judgement="wrong") for i in range(500)]
    examples += [make_example(id=f"p{i}", judgement="wrong", split="test_phrasing") for i in range(3)]
    report = make_report(examples)
    card = build_card("t", report, decide(report, None, GateConfig()), examples)
    assert len(card.wrong) == WRONG_SHOWN
    assert sum(example.split == "test_phrasing" for example in card.wrong) == 3
    assert card.wrong_total == 503


def test_an_unreadable_reply_counts_as_no_action_in_the_confusion() -> None:
    examples = [make_example(id=str(i), family="action", action=None if i < 3 else "heimdall.help") for i in range(5)]
    report = make_report(examples)
    card = build_card("t", report, decide(report, None, GateConfig(headline="action/test_schema/judged")), examples)
    assert {(cell.expected, cell.got): cell.n for cell in card.confusion} == {
        ("heimdall.watcher.query", "(none)"): 3,
        ("heimdall.watcher.query", "heimdall.help"): 2,
    }


def test_the_card_says_which_prompt_and_contract_it_is_about(card: Card) -> None:
    assert "minimal prompt" in list_limits(card)[0]
    assert "bundled reference" in list_limits(card)[1]
    full = card.model_copy(
        update={"report": card.report.model_copy(update={"prompt": "full", "contract_source": "checkout@abc"})}
    )
    assert "full prompt" in list_limits(full)[0]
    assert "checkout@abc" in list_limits(full)[1]
    for text in (render_html(full), render_markdown(full)):
        assert "checkout@abc" in text


def test_the_terminal_shows_every_slice_on_one_line(card: Card) -> None:
    printed = re.sub(r"\x1b\[[0-9;]*m", "", print_card(card))
    assert sum("%" in line and "unseen phrasings" in line for line in printed.splitlines()) == 3
    assert card.outcome.upper() in printed


def test_markdown_tables_have_equal_columns(card: Card) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", render_markdown(card), flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_the_seeds_figures_stand_under_their_names_with_target_and_rows(card: Card) -> None:
    named = {figure.name: figure for figure in card.named}
    assert [(name, figure.above or figure.below) for name, figure in named.items()] == [
        ("Cypher syntax accuracy", 0.9),
        ("semantic correctness", 0.85),
        ("exact match", None),
        ("semantic similarity", None),
        ("perplexity", 10),
        ("NornicDB API accuracy", None),
        ("response time", 500),
        ("model size", 1.5e9),
        ("memory", None),
    ]
    # 40 rows of each of five splits: two families ask for queries, three have a form to compare.
    assert [named[name].score.n for name in ("semantic correctness", "exact match", "response time")] == [400, 600, 600]
    for text in (Page(render_html(card)).words, render_markdown(card), re.sub(r"\x1b\[[0-9;]*m", "", print_card(card))):
        assert all(name in text for name in named)
        assert all(words in text for words in ("> 90 %", "> 85 %", "< 10", "< 500 ms", "< 1.5 GB", "41.0 MB"))
        assert ("missed" in text) == any(figure.met is False for figure in named.values())
    assert all(figure.definition in render_markdown(card) for figure in named.values())


def test_a_named_figure_meets_its_target_only_beyond_it_and_only_if_it_was_measured() -> None:
    def find(name: str, *changes: dict[str, object], **report: object) -> bool | None:
        examples = [make_example(id=str(i), **change) for i, change in enumerate(changes or ({},))]
        figures = list_named_figures(examples, make_report(examples, **report))
        return next(figure.met for figure in figures if figure.name == name)

    wrong: dict[str, object] = {"judgement": "wrong", "parses": False}
    assert find("Cypher syntax accuracy", *[{}] * 19, wrong) is True
    assert find("Cypher syntax accuracy", *[{}] * 9, wrong) is False  # 90 % is not more than 90 %
    assert find("semantic correctness", *[{}] * 17, *[wrong] * 3) is False
    assert find("semantic correctness", {"judgement": "not_judged"}) is None
    assert find("perplexity") is None
    assert find("perplexity", {"nll": 30.0, "nll_tokens": 10}) is False
    assert find("response time", {"total_ms": 499.0}) is True
    assert find("response time", {"total_ms": 500.0}) is False
    assert find("model size", model_bytes=1_500_000_000) is False
    assert find("memory") is None


def test_what_was_asked_under_another_prompt_is_in_no_named_figure() -> None:
    examples = [make_example(), make_example(id="2", family="action", further=True, prompt="full", valid_call=False)]
    figures = {figure.name: figure for figure in list_named_figures(examples, make_report(examples))}
    assert figures["NornicDB API accuracy"].score.value == 1.0


@given(st.text(alphabet="ab (){}\n", max_size=30), st.text(alphabet="ab (){}\n", max_size=30))
def test_a_diff_holds_both_texts_whole(expected: str, answer: str) -> None:
    pieces = diff_words(expected, answer)
    if pieces:
        assert "".join(piece.text for piece in pieces if piece.kind != "added") == expected
        assert "".join(piece.text for piece in pieces if piece.kind != "missing") == answer
    if expected and expected == answer:
        assert [piece.kind for piece in pieces] == ["same"]


def test_texts_with_nothing_in_common_are_not_mixed() -> None:
    assert diff_words('{"action": "heimdall.help", "params": {}}', "I am sorry, I do not know what you mean") == []


def test_wrong_answers_show_word_by_word_what_differs_and_stay_text() -> None:
    expected = "MATCH (n:Person) WHERE n.age > 30 RETURN n.name"
    reply = "MATCH (n:Person) WHERE n.age > <script>31</script> RETURN n.name\x1b[31m"
    examples = [make_example(expected=expected, reply=reply, judgement="wrong")]
    report = make_report(examples)
    html = render_html(build_card("t", report, decide(report, None, GateConfig()), examples))
    assert "<del>30</del><ins>&lt;script&gt;31&lt;/script&gt;</ins>" in html
    assert "<script" not in html
    assert "\x1b" not in html
    assert "WHERE n.age &gt; " in html


@pytest.mark.parametrize("n", [0, 1, 7, 60])
def test_bins_hold_every_answer_once_and_as_many_each(n: int) -> None:
    bins = bin_shares([(i / 60, i % 2 == 0) for i in range(n)], 10)
    assert sum(part.right.n for part in bins) == n
    assert len(bins) == min(n, 10)
    assert max((part.right.n for part in bins), default=0) - min((part.right.n for part in bins), default=0) <= 1
    assert [part.mean for part in bins] == sorted(part.mean for part in bins)
