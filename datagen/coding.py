"""Questions to a coding assistant in Go, Java, JavaScript and Python, over the programs of `datagen.programs`.

What a program returns is found by running it: every program in Python, and in Node.js where that is installed, whose
result must be the same. Go and Java are parsed.
"""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from datagen.draft import Draft, draw_fitting
from datagen.invention import invent_identifiers
from datagen.phrasing import Phraser
from datagen.programs import (
    Kind,
    Program,
    describe,
    mutate_program,
    sample_program,
    spell_name,
    write_code,
    write_value,
)
from datagen.repository import ask_for_pattern, read_patterns
from datagen.sandbox import SandboxError, has_node, run_javascript, run_python
from datagen.shares import share_of_turn
from heimdall.answers import CodeAnswer, TextAnswer
from heimdall.config import CodeTask, DataConfig
from heimdall.rows import Split
from heimdall.source_code import CODE_LANGUAGES, SPOKEN, CodeLanguage, find_syntax_fault, format_code

Inputs = list[list[Any]]
_PREDICTED: tuple[CodeLanguage, ...] = ("javascript", "python")  # in which programs are run
_VERBS = ("solve", "compute", "derive", "handle", "apply", "make", "build", "run", "work", "find")
_WORDS = (
    "apple", "tea", "stone", "melon", "go", "branch", "cat", "river", "owl", "planet", "sun", "tree", "ladder", "ink", "globe", "east",
)  # fmt: skip
_TAKES: dict[Kind, tuple[str, ...]] = {
    "ints": ("a list of integers", "a list of whole numbers", "some integers in a list", "a sequence of integers", "integers", "a list of numbers without fractions", "numbers (integers)", "an integer list"),
    "words": ("a list of words", "a list of lower-case words", "some words in a list", "a sequence of words", "words", "a list of strings", "strings in a list", "a word list"),
}  # fmt: skip
_GENERATE = (
    "Write a {l} function {f} that takes {t} and does the following: {d}. Return the result.", "In {l}, implement {f}. It gets {t}. Steps: {d}. The outcome is returned.", "I need {f} in {l}: given {t}, {d}, and return what comes out.", "{l}: a function called {f} for {t}. It should {d}. Return the final value.",
    "Please code {f} in {l}. Input: {t}. Task: {d}. Output: the result.", "How would you write {f} in {l}? From {t}, {d}, and return that.", "Create the {l} function {f}, which receives {t}. What it does: {d}. It returns the result.", "Give me {l} code for {f}({t}): {d}. The last result is returned.",
    "Implement in {l}: {f}. Parameter: {t}. Behaviour: {d}. Return value: the result of that.",
)  # fmt: skip
_FIX = (
    "This {l} function should do the following: {d}. But {f} returns {w} for {i} where {r} is right. Fix it.", "{f} is meant to {d}. For {i} I get {w} instead of {r}. What is the corrected {l} code?", "Find and repair the bug: the {l} function {f} has to {d}; with {i} it gives {w}, expected is {r}.", "A test of this {l} code fails: {f} of {i} is {w}, not {r}. It ought to {d}. Correct it.",
    "Please debug this {l} function. Wanted: {d}. Input {i}; got {w}; should be {r}.", "What must change so that {f} does this: {d}? At present {i} leads to {w}, and {r} would be right ({l}).", "Bug report for {f} ({l}): expected {r} for {i}, observed {w}. Specification: {d}. Give the fixed function.", "The specification says: {d}. The {l} code below yields {w} for {i}; it should yield {r}. Repair it.",
    "Why does {f} answer {w} to {i}? It should be {r}, since the task is to {d}. Send corrected {l} code.",
)  # fmt: skip
_PREDICT = (
    "What does the last line print?", "What is the output?", "Which value does this program print?", "Predict the output.", "Run it in your head: what is printed?", "What comes out?", "Tell me the printed value.", "Output of this code?", "What will be shown when this runs?",
)  # fmt: skip
_TEST = (
    "Write a {l} test for {f} with the inputs {i}.", "Give me a {l} unit test of {f} that checks {i}.", "Cover {f} by a test in {l}; inputs: {i}.", "I want {f} tested in {l}. Use the inputs {i}.", "Test {f} ({l}) on {i}.", "Please add a test for {f} with these inputs: {i}. Language: {l}.", "How would a {l} test of {f} look for {i}?", "Create a {l} test that calls {f} with {i} and checks the results.",
    "Turn {i} into a {l} test for the function {f}.",
)  # fmt: skip


def draw_code(config: DataConfig, rng: random.Random, split: Split, number: int) -> Draft | None:
    """The question of this number, whose task follows from `code_tasks`: so each has its share of any run of numbers.
    Where the configuration names repositories, some questions are about them instead."""
    if config.repositories and rng.random() < config.repository_share:
        patterns = read_patterns(config.repositories, config.repository_rows, config.unlicensed, config.code_languages)
        return draw_fitting(lambda phraser: ask_for_pattern(phraser, patterns), rng, split)
    task = share_of_turn(config.code_tasks, number)
    if task == "understanding" and not set(_PREDICTED) & set(config.code_languages):
        return None  # what a program in Go or Java prints is not found by running it
    return draw_fitting(lambda phraser: ask_for_code(phraser, task, config.code_languages), rng, split)


def ask_for_code(phraser: Phraser, task: CodeTask, languages: Sequence[CodeLanguage] = CODE_LANGUAGES) -> Draft:
    """A question of a task; its source is the program's steps, without their constants."""
    while True:
        rng = phraser.rng
        program = sample_program(rng, f"{rng.choice(_VERBS)} {invent_identifiers(rng, 1)[0]}")
        drafted = _TASKS[task](phraser, program, languages)
        if drafted is not None:
            steps = ",".join(use.step for use in program.uses)
            return drafted._replace(source=f"code/{steps}", prompt="chat")
        phraser.used.clear()
        phraser.novel = 0


def _generate(phraser: Phraser, program: Program, languages: Sequence[CodeLanguage]) -> Draft | None:
    language = phraser.rng.choice(languages)
    returns(program, sample_inputs(phraser.rng, program.takes))
    question = phraser.pick("code.generate", _GENERATE).format(
        l=SPOKEN[language], f=f"`{spell_name(program.name, language)}`", d=describe(program, phraser),
        t=phraser.pick(f"code.takes.{program.takes}", _TAKES[program.takes]),
    )  # fmt: skip
    return _answer_code("code_generation", question, language, write_code(program, language))


def _fix(phraser: Phraser, program: Program, languages: Sequence[CodeLanguage]) -> Draft | None:
    language, inputs = phraser.rng.choice(languages), sample_inputs(phraser.rng, program.takes)
    mutant = mutate_program(program, phraser.rng)
    if mutant is None or mutant.gives != program.gives:
        return None
    told_apart = [
        (given, wrong, right)
        for given, wrong, right in zip(inputs, returns(mutant, inputs), returns(program, inputs), strict=True)
        if wrong != right
    ]
    if not told_apart:
        return None
    given, wrong, right = map(json.dumps, told_apart[0])
    ask = phraser.pick("code.fix", _FIX).format(
        l=SPOKEN[language], f=f"`{spell_name(program.name, language)}`", d=describe(program, phraser), i=given, w=wrong, r=right
    )  # fmt: skip
    question = f"{ask}\n{format_code(language, write_code(mutant, language))}"
    return _answer_code("code_bug_fixing", question, language, write_code(program, language))


def _understand(phraser: Phraser, program: Program, languages: Sequence[CodeLanguage]) -> Draft | None:
    language = phraser.rng.choice([each for each in _PREDICTED if each in languages])
    given = sample_inputs(phraser.rng, program.takes)[0]
    value = json.dumps(returns(program, [given])[0])
    call = f"{spell_name(program.name, language)}({write_value(given, language)})"
    shown = f"print(json.dumps({call}))" if language == "python" else f"console.log(JSON.stringify({call}));"
    value = value if language == "python" else value.replace(", ", ",")
    head = "import json\n\n\n" if language == "python" else ""
    code = f"{head}{write_code(program, language)}\n\n\n{shown}"
    question = f"{phraser.pick('code.predict', _PREDICT)}\n{format_code(language, code)}"
    return Draft("code_understanding", question, value, TextAnswer(text=value))


def _test(phraser: Phraser, program: Program, languages: Sequence[CodeLanguage]) -> Draft | None:
    language, inputs = phraser.rng.choice(languages), sample_inputs(phraser.rng, program.takes)[:3]
    code, values = write_code(program, language), returns(program, inputs)
    test = write_test(program, language, inputs, values)
    if language == "python":
        run_python(f"{code}\n\n\n{test}", f"test_{spell_name(program.name, language)}()")
    if language == "javascript" and has_node():
        run_javascript(f"{code}\n\n{test}", "null")
    ask = phraser.pick("code.test", _TEST).format(
        l=SPOKEN[language], f=f"`{spell_name(program.name, language)}`", i="; ".join(map(json.dumps, inputs))
    )
    return _answer_code("code_tests", f"{ask}\n{format_code(language, code)}", language, test)


_TASKS: dict[CodeTask, Callable[[Phraser, Program, Sequence[CodeLanguage]], Draft | None]] = {
    "generation": _generate,
    "bug_fixing": _fix,
    "understanding": _understand,
    "tests": _test,
}


def sample_inputs(rng: random.Random, kind: Kind) -> Inputs:
    """Lists on which programs differ: repeats, both signs, several lengths."""
    sizes = (rng.randint(5, 8), rng.randint(4, 7), rng.randint(3, 6), rng.randint(1, 3))
    if kind == "words":
        return [[rng.choice(_WORDS) for _ in range(size)] for size in sizes]
    return [[rng.randint(-6, 15) for _ in range(size)] for size in sizes]


def returns(program: Program, inputs: Inputs) -> list[Any]:
    """What the program returns for each input, from running it. Raises `SandboxError` where the languages differ."""
    names = {language: spell_name(program.name, language) for language in CODE_LANGUAGES}
    calls = json.dumps(inputs)
    values = run_python(write_code(program, "python"), f"[{names['python']}(each) for each in {calls}]")
    if has_node():
        others = run_javascript(
            write_code(program, "javascript"), f"{calls}.map((each) => {names['javascript']}(each))"
        )
        if others != values:
            raise SandboxError(f"Python returns {values}, JavaScript {others}: {program}")
    return list(values)


def write_test(program: Program, language: CodeLanguage, inputs: Inputs, values: list[Any]) -> str:
    """A test that calls the program with each input and compares what it returns."""
    name = spell_name(program.name, language)
    pairs = [(f"{name}({write_value(given, language)})", value) for given, value in zip(inputs, values, strict=True)]
    match language:
        case "python":
            lines = [f"    assert {call} == {write_value(value, language)}" for call, value in pairs]
            return "\n".join((f"def test_{name}():", *lines))
        case "javascript":
            return "\n".join(f"assert.deepEqual({call}, {write_value(value, language)});" for call, value in pairs)
        case "java":
            lines = [f"    assertEquals({write_value(value, language)}, {call});" for call, value in pairs]
            return "\n".join(("@Test", f"void {name}ReturnsWhatIsExpected() {{", *lines, "}"))
        case "go":
            lines = []
            for call, value in pairs:
                wanted = write_value(value, language)
                unlike = f"!slices.Equal({call}, {wanted})" if isinstance(value, list) else f"{call} != {wanted}"
                lines += [f"\tif {unlike} {{", f"\t\tt.Error({json.dumps(call)})", "\t}"]
            return "\n".join((f"func Test{name[0].upper()}{name[1:]}(t *testing.T) {{", *lines, "}"))


def _answer_code(category: str, question: str, language: CodeLanguage, code: str) -> Draft:
    fault = find_syntax_fault(language, code)
    if fault is not None:
        raise SandboxError(f"{language} does not parse at {fault}:\n{code}")
    return Draft(category, question, format_code(language, code), CodeAnswer(language=language, code=code))
