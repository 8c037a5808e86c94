"""Programs mean the same in four languages, their mutants are told apart, and reviews name the line that is wrong."""

import ast
import json
import random
import re
from collections import Counter

import pytest
from drafting import check_drafts, draw_many

from datagen.code_review import LANGUAGES, SNIPPETS, draw_code_review
from datagen.coding import ask_for_code, draw_code, returns, sample_inputs
from datagen.draft import Draft
from datagen.phrasing import Phraser
from datagen.programs import STEPS, Program, Use, mutate_program, sample_program, write_code
from datagen.sandbox import SandboxError, run_python
from heimdall.answers import CodeAnswer, find_contradiction
from heimdall.config import CodeTask, DataConfig
from heimdall.source_code import CODE_LANGUAGES, CodeLanguage, find_code, find_syntax_fault, is_same_code

TASKS: tuple[CodeTask, ...] = ("generation", "bug_fixing", "understanding", "tests")


def test_every_step_parses_in_every_language_and_returns_the_same_in_python_and_javascript() -> None:
    rng = random.Random(1)
    for name, step in STEPS.items():
        program = Program("try it", step.takes, (Use(name, step.constants[0] if step.constants else None),))
        for language in CODE_LANGUAGES:
            code = write_code(program, language)
            assert find_syntax_fault(language, code) is None, code
        assert len(returns(program, [*sample_inputs(rng, step.takes), []])) == 5


def test_every_step_has_eight_wordings_that_all_differ() -> None:
    assert all(len(set(step.wordings)) == len(step.wordings) >= 8 for step in STEPS.values())


@pytest.mark.parametrize(
    ("uses", "given", "value"),
    [
        ((Use("above", 3), Use("square"), Use("sum")), [1, 4, 5], 41),
        ((Use("unique_ints"), Use("drop_ints", 1)), [2, 2, 7, 2, 9], [7, 9]),
        ((Use("alternate_words"), Use("upper"), Use("join", "-")), ["a", "b", "c"], "A-C"),
        ((Use("max"),), [], 0),
    ],
)
def test_programs_return_what_their_steps_say(uses: tuple[Use, ...], given: list[object], value: object) -> None:
    assert returns(Program("try it", STEPS[uses[0].step].takes, uses), [given]) == [value]


def test_a_mutant_is_another_program_that_still_parses() -> None:
    rng = random.Random(2)
    made = 0
    for _ in range(60):
        program = sample_program(rng, "try it")
        mutant = mutate_program(program, rng)
        if mutant is not None:
            made += 1
            assert mutant.uses != program.uses
            assert find_syntax_fault("go", write_code(mutant, "go")) is None
    assert made > 40


@pytest.mark.parametrize("task", TASKS)
def test_the_assistants_questions_are_right_distinct_and_held_out_where_they_should_be(task: CodeTask) -> None:
    check_drafts(lambda phraser: ask_for_code(phraser, task), 160)


def _draw(task: CodeTask, number: int = 60) -> list[Draft]:
    return draw_many(lambda phraser: ask_for_code(phraser, task), number, seed=5)


def test_a_fixed_function_returns_what_the_question_says_is_right() -> None:
    checked = 0
    for draft in _draw("bug_fixing", 120):
        assert isinstance(draft.expected, CodeAnswer)
        case = re.match(
            r"This Python .* returns (?P<w>.*) for (?P<i>\[.*\]) where (?P<r>.*) is right\. Fix it\.", draft.question
        )
        if case is None:
            continue
        name = re.search(r"def (\w+)", draft.answer)
        assert name is not None
        call = f"{name[1]}({case['i']})"
        assert run_python(find_code(draft.answer), call) == json.loads(case["r"])
        assert run_python(find_code(draft.question), call) == json.loads(case["w"]) != json.loads(case["r"])
        checked += 1
    assert checked


def test_the_predicted_output_is_what_the_program_prints() -> None:
    for draft in _draw("understanding"):
        if "```python" in draft.question:
            lines = find_code(draft.question)
            code, _, last = lines.rpartition("\n")
            assert run_python(code, last.removeprefix("print(").removesuffix(")")) == draft.answer


def test_a_written_python_test_passes_on_the_function_and_fails_on_another() -> None:
    for draft in _draw("tests"):
        if "```python" in draft.question:
            code, test = find_code(draft.question), find_code(draft.answer)
            call = re.findall(r"def (test_\w+)", test)[0] + "()"
            run_python(f"{code}\n{test}", call)
            name = re.findall(r"def (\w+)", code)[0]
            with pytest.raises(SandboxError, match="AssertionError"):
                run_python(f"{code}\n{test}\n{name} = lambda given: None", call)


def test_a_program_that_fails_is_reported_with_its_code() -> None:
    with pytest.raises(SandboxError, match="ZeroDivisionError"):
        run_python("x = 0", "1 / x")
    assert run_python("x = 2", "x") == 2


def test_snippets_parse_with_and_without_their_defect() -> None:
    names = {"f": "load", "a": "some", "b": "other", "c": "third", "F": "Load", "G": "Item", "n": 3}
    for snippet in SNIPPETS:
        good = "\n".join(snippet.lines).format(**names)
        bad = "\n".join(snippet.bad if line == snippet.good else line for line in snippet.lines).format(**names)
        language: CodeLanguage = snippet.language.lower()  # type: ignore[assignment]
        assert good != bad
        for code in (good, bad):
            assert find_syntax_fault(language, code) is None, code
            if language == "python":
                ast.parse(code)
    assert {snippet.language for snippet in SNIPPETS} == set(LANGUAGES)


def test_reviews_are_right_distinct_and_held_out_where_they_should_be() -> None:
    check_drafts(draw_code_review, 400)


def test_a_review_names_the_line_that_differs_from_working_code() -> None:
    for draft in draw_many(draw_code_review, 100):
        if draft.category == "review_defect":
            number = int(re.findall(r"Line (\d+):", draft.answer)[0])
            line = next(line for line in draft.question.splitlines() if line.startswith(f"{number} "))
            bad = [re.escape(s.bad.strip().replace("{{", "{").replace("}}", "}")) for s in SNIPPETS]
            patterns = [re.sub(r"\\{\w\\}", r"\\w+", each) for each in bad]
            assert any(re.fullmatch(rf"\d+ +\t*{pattern}|\d+ \s*{pattern}", line) for pattern in patterns), line


def test_code_is_the_same_whatever_its_spacing_and_comments() -> None:
    assert is_same_code("go", "func f(a int) int { return a }", "// f\nfunc f( a int ) int {\n\treturn a\n}")
    assert not is_same_code("go", "func f(a int) int { return a }", "func f(a int) int { return b }")
    assert is_same_code("python", "def f(a):\n    return a", "def f(a):\n  # so\n  return a\n")
    assert not is_same_code("python", 'x = "a b"', 'x = "a  b"')
    assert not is_same_code("javascript", "f('a b')", "f('a  b')")
    nested = "if a:\n    if b:\n        c()\n    d()", "if a:\n    if b:\n        c()\n        d()"
    assert not is_same_code("python", *nested)


@pytest.mark.parametrize("language", CODE_LANGUAGES)
def test_code_that_does_not_parse_is_refused_with_its_place(language: CodeLanguage) -> None:
    assert find_syntax_fault(language, "x = (1") == "line 1, column 5" or find_syntax_fault(language, "x = (1")
    expected = CodeAnswer(language=language, code="x = (1")
    assert "does not parse" in (find_contradiction(f"```{language}\nx = (1\n```", expected) or "")


def test_phrasers_are_clean_after_a_program_that_gave_no_question() -> None:
    phraser = Phraser(random.Random(3), held_out=False)
    ask_for_code(phraser, "bug_fixing")
    assert len([used for used in phraser.used if used.startswith("code.fix:")]) == 1


def test_tasks_have_their_shares_of_every_chunk() -> None:
    config = DataConfig(train_rows=1, split_rows=1)
    drafts = [draw_code(config, random.Random(number), "train", number) for number in range(400)]
    counts = Counter(draft.category for draft in drafts if draft is not None)
    wanted = {"code_generation": 160, "code_bug_fixing": 120, "code_understanding": 80, "code_tests": 40}
    assert all(abs(counts[task] - number) <= 4 for task, number in wanted.items())
