"""A typed algebra of small programs over lists: a program is a chain of steps, and each step is realised in English and
in Go, Java, JavaScript and Python with one meaning.

Numbers stay small enough to be exact in all four languages, texts are lower-case ASCII letters.
"""

import random
from collections.abc import Mapping
from typing import Literal, NamedTuple

from datagen.phrasing import Phraser
from heimdall.source_code import CODE_LANGUAGES, CodeLanguage

Kind = Literal["ints", "words", "int", "text"]
Value = list[int] | list[str] | int | str


class Step(NamedTuple):
    """One step: what it takes and gives, how its result is called, its wordings, and its code per language, in which
    `{i}` is the input, `{o}` the result and `{k}` the constant. `constants` are those that make sense, if it has one."""

    takes: Kind
    gives: Kind
    variable: str
    wordings: tuple[str, ...]
    code: Mapping[CodeLanguage, str]
    constants: tuple[int | str, ...] = ()


class Use(NamedTuple):
    """A step of a program, by its name in `STEPS`, with its constant."""

    step: str
    constant: int | str | None = None


class Program(NamedTuple):
    """A function of one list."""

    name: str
    takes: Kind
    uses: tuple[Use, ...]

    @property
    def gives(self) -> Kind:
        """The kind of what it returns."""
        return STEPS[self.uses[-1].step].gives


_JAVA: dict[Kind, str] = {"ints": "List<Integer>", "words": "List<String>", "int": "int", "text": "String"}
_GO: dict[Kind, str] = {"ints": "[]int", "words": "[]string", "int": "int", "text": "string"}
_KEEP = (
    "keep only {x}", "filter out everything but {x}", "retain just {x}", "select {x}", "throw away all except {x}", "restrict the list to {x}", "pick {x}", "leave in only {x}", "drop whatever is not among {x}",
)  # fmt: skip
_MAP = (
    "replace each element by {x}", "turn every element into {x}", "map each element to {x}", "put {x} in place of each element", "change every element to {x}", "substitute {x} for each element", "convert each element into {x}", "for every element take {x}",
)  # fmt: skip


def _condition(takes: Kind, what: str, variants: str | dict[CodeLanguage, str], constants: tuple[int | str, ...] = ()) -> Step:  # fmt: skip
    """A filter. A condition that is one text is the same in all languages but for JavaScript's comparison."""
    if isinstance(variants, str):
        strict = variants.replace("==", "===").replace("!=", "!==")
        variants = dict.fromkeys(CODE_LANGUAGES, variants) | {"javascript": strict}
    code: dict[CodeLanguage, str] = {
        "python": f"{{o}} = [value for value in {{i}} if {variants['python']}]",
        "javascript": f"const {{o}} = {{i}}.filter((value) => {variants['javascript']});",
        "java": f"{_JAVA[takes]} {{o}} = {{i}}.stream().filter(value -> {variants['java']}).toList();",
        "go": f"{{o}} := {_GO[takes]}{{{{}}}}\nfor _, value := range {{i}} {{{{\n\tif {variants['go']} {{{{\n\t\t{{o}} = append({{o}}, value)\n\t}}}}\n}}}}",
    }
    return Step(takes, takes, "kept", tuple(frame.format(x=what) for frame in _KEEP), code, constants)


def _mapping(takes: Kind, gives: Kind, variable: str, what: str, variants: str | dict[CodeLanguage, str], constants: tuple[int | str, ...] = ()) -> Step:  # fmt: skip
    """A step that changes each element."""
    if isinstance(variants, str):
        variants = dict.fromkeys(CODE_LANGUAGES, variants)
    code: dict[CodeLanguage, str] = {
        "python": f"{{o}} = [{variants['python']} for value in {{i}}]",
        "javascript": f"const {{o}} = {{i}}.map((value) => {variants['javascript']});",
        "java": f"{_JAVA[gives]} {{o}} = {{i}}.stream().map(value -> {variants['java']}).toList();",
        "go": f"{{o}} := make({_GO[gives]}, 0, len({{i}}))\nfor _, value := range {{i}} {{{{\n\t{{o}} = append({{o}}, {variants['go']})\n}}}}",
    }
    return Step(takes, gives, variable, tuple(frame.format(x=what) for frame in _MAP), code, constants)


def _list_steps(kind: Kind) -> dict[str, Step]:
    """Steps that mean the same for numbers and words; their names end in the kind."""
    java, go = _JAVA[kind], _GO[kind]
    element = "number" if kind == "ints" else "word"
    least, most = ("smallest", "largest") if kind == "ints" else ("first in the alphabet", "last in the alphabet")
    compare = {"ints": ("(a, b) => a - b", "(a, b) => b - a"), "words": ("", "(a, b) => (a < b ? 1 : a > b ? -1 : 0)")}
    up, down = compare[kind]
    order = (
        "func(a, b int) int { return b - a }"
        if kind == "ints"
        else "func(a, b string) int { return strings.Compare(b, a) }"
    )
    order = order.replace("{", "{{").replace("}", "}}")
    steps = {
        "up": Step(kind, kind, "ordered", (
            f"sort from {least} to {most}", "sort in ascending order", f"put the {least} {element} first and sort on from there", f"arrange the {element}s in ascending order", "order ascending",
            f"bring the {element}s into rising order", "sort upwards", f"line the {element}s up, {least} first",
        ), {
            "python": "{o} = sorted({i})", "javascript": f"const {{o}} = [...{{i}}].sort({up});",
            "java": f"{java} {{o}} = {{i}}.stream().sorted().toList();", "go": "{o} := slices.Sorted(slices.Values({i}))",
        }),
        "down": Step(kind, kind, "ordered", (
            f"sort from {most} to {least}", "sort in descending order", f"put the {most} {element} first and sort on from there", f"arrange the {element}s in descending order", "order descending",
            f"bring the {element}s into falling order", "sort downwards", f"line the {element}s up, {most} first",
        ), {
            "python": "{o} = sorted({i}, reverse=True)", "javascript": f"const {{o}} = [...{{i}}].sort({down});",
            "java": f"{java} {{o}} = {{i}}.stream().sorted(Comparator.reverseOrder()).toList();", "go": f"{{o}} := slices.Clone({{i}})\nslices.SortFunc({{o}}, {order})",
        }),
        "reverse": Step(kind, kind, "turned", (
            "reverse the order", f"put the last {element} first and so on", "turn the list around", "flip the order", f"list the {element}s backwards", "reverse the list", "go from the end to the start", f"bring the {element}s into the opposite order",
        ), {
            "python": "{o} = {i}[::-1]", "javascript": "const {o} = [...{i}].reverse();", "java": f"{java} {{o}} = {{i}}.reversed();", "go": "{o} := slices.Clone({i})\nslices.Reverse({o})",
        }),
        "take": Step(kind, kind, "head", (
            f"take the first {{k}} {element}s", f"keep at most {{k}} {element}s from the start", f"cut the list after {{k}} {element}s", f"limit it to the leading {{k}} {element}s", f"use only the first {{k}} {element}s", f"stop after {{k}} {element}s", "shorten the list to its first {k} places", f"discard everything after {{k}} {element}s",
        ), {
            "python": "{o} = {i}[:{k}]", "javascript": "const {o} = {i}.slice(0, {k});", "java": f"{java} {{o}} = {{i}}.stream().limit({{k}}).toList();", "go": "{o} := {i}[:min({k}, len({i}))]",
        }, (2, 3, 4, 5)),
        "drop": Step(kind, kind, "rest", (
            f"leave out the first {{k}} {element}s", f"skip the first {{k}} {element}s", f"remove {{k}} {element}s from the start", f"begin after {{k}} {element}s", f"ignore the leading {{k}} {element}s", f"drop the first {{k}} {element}s", "cut off the first {k} places", f"pass over the first {{k}} {element}s",
        ), {
            "python": "{o} = {i}[{k}:]", "javascript": "const {o} = {i}.slice({k});", "java": f"{java} {{o}} = {{i}}.stream().skip({{k}}).toList();", "go": "{o} := {i}[min({k}, len({i})):]",
        }, (1, 2, 3)),
        "unique": Step(kind, kind, "distinct", (
            "remove duplicates, keeping the first of each", f"keep each {element} once, where it first occurs", f"drop every {element} that was there before", "deduplicate in order of appearance", "delete repetitions but for the first", f"let no {element} occur twice (the first one stays)", f"retain the first of equal {element}s", "make the list free of repeats, in order",
        ), {
            "python": "{o} = list(dict.fromkeys({i}))", "javascript": "const {o} = [...new Set({i})];", "java": f"{java} {{o}} = {{i}}.stream().distinct().toList();",
            "go": f"seen := map[{go[2:]}]bool{{{{}}}}\n{{o}} := {go}{{{{}}}}\nfor _, value := range {{i}} {{{{\n\tif !seen[value] {{{{\n\t\tseen[value] = true\n\t\t{{o}} = append({{o}}, value)\n\t}}}}\n}}}}",
        }),
        "alternate": Step(kind, kind, "chosen", (
            f"take every second {element}, starting with the first", f"keep the {element}s at even places counted from 0", f"use the first {element}, the third and so on", f"skip every other {element} after the first", f"choose the {element}s at indexes 0, 2, 4 and so forth", f"alternate: one {element} in, the next out", f"leave out the second {element}, the fourth and so on", "keep only even indexes",
        ), {
            "python": "{o} = {i}[::2]", "javascript": "const {o} = {i}.filter((_, at) => at % 2 === 0);", "java": f"{java} {{o}} = IntStream.range(0, {{i}}.size()).filter(at -> at % 2 == 0).mapToObj({{i}}::get).toList();",
            "go": f"{{o}} := {go}{{{{}}}}\nfor at := 0; at < len({{i}}); at += 2 {{{{\n\t{{o}} = append({{o}}, {{i}}[at])\n}}}}",
        }),
        "count": Step(kind, "int", "number", (
            f"count the {element}s", f"give the number of {element}s", f"find how many {element}s there are", "take the length of the list", f"determine the count of {element}s", "measure the list's length", f"tell how many {element}s are left", "reduce the list to its size",
        ), {
            "python": "{o} = len({i})", "javascript": "const {o} = {i}.length;", "java": "int {o} = {i}.size();", "go": "{o} := len({i})",
        }),
    }  # fmt: skip
    return {f"{name}_{kind}": step for name, step in steps.items()}


def _extreme(name: str, word: str) -> Step:
    return Step("ints", "int", name, (
        f"find the {word} number, or 0 if there is none", f"take the {word} number (0 for an empty list)", f"determine the {word} number, 0 when empty", f"pick out the {word} number, with 0 for nothing", f"reduce the list to its {word} number or, if empty, 0", f"give the {word} number; an empty list gives 0", f"look for the {word} number and fall back on 0", f"get the {word} number, where an empty list counts as 0",
    ), {
        "python": f"{{o}} = {name}({{i}}, default=0)", "javascript": f"const {{o}} = {{i}}.length ? Math.{name}(...{{i}}) : 0;", "java": f"int {{o}} = {{i}}.stream().mapToInt(Integer::intValue).{name}().orElse(0);",
        "go": f"{{o}} := 0\nif len({{i}}) > 0 {{{{\n\t{{o}} = slices.{name.capitalize()}({{i}})\n}}}}",
    })._replace(variable="largest" if name == "max" else "smallest")  # fmt: skip


_ATTEMPTS = 20
_SMALL, _TIMES, _LETTERS = tuple(range(1, 13)), (2, 3, 4, 5, 10), tuple("abcdefglmnoprst")
STEPS: dict[str, Step] = {
    "above": _condition("ints", "the numbers greater than {k}", "value > {k}", _SMALL),
    "at_least": _condition("ints", "the numbers that are {k} or more", "value >= {k}", _SMALL),
    "below": _condition("ints", "the numbers less than {k}", "value < {k}", _SMALL),
    "at_most": _condition("ints", "the numbers that are {k} or less", "value <= {k}", _SMALL),
    "even": _condition("ints", "the even numbers", "value % 2 == 0"),
    "odd": _condition("ints", "the odd numbers", "value % 2 != 0"),
    "divisible": _condition("ints", "the multiples of {k}", "value % {k} == 0", (3, 4, 5, 6)),
    "not": _condition("ints", "the numbers other than {k}", "value != {k}", _SMALL),
    "add": _mapping("ints", "ints", "shifted", "itself plus {k}", "value + {k}", _SMALL),
    "subtract": _mapping("ints", "ints", "lowered", "itself minus {k}", "value - {k}", _SMALL),
    "times": _mapping("ints", "ints", "scaled", "{k} times its value", "value * {k}", _TIMES),
    "square": _mapping("ints", "ints", "squares", "its square", "value * value"),
    "negate": _mapping("ints", "ints", "negated", "its negative", "0 - value"),
    **_list_steps("ints"),
    "sum": Step("ints", "int", "total", (
        "add everything up", "sum the numbers", "compute the total", "form the sum", "find what all the numbers add up to", "reduce the list to its sum", "total the numbers", "take the sum of all",
    ), {
        "python": "{o} = sum({i})", "javascript": "const {o} = {i}.reduce((total, value) => total + value, 0);", "java": "int {o} = {i}.stream().mapToInt(Integer::intValue).sum();",
        "go": "{o} := 0\nfor _, value := range {i} {{\n\t{o} += value\n}}",
    }),
    "max": _extreme("max", "largest"),
    "min": _extreme("min", "smallest"),
    "longer": _condition("words", "the words with more than {k} letters", {"python": "len(value) > {k}", "javascript": "value.length > {k}", "java": "value.length() > {k}", "go": "len(value) > {k}"}, (2, 3, 4, 5, 6)),
    "shorter": _condition("words", "the words with fewer than {k} letters", {"python": "len(value) < {k}", "javascript": "value.length < {k}", "java": "value.length() < {k}", "go": "len(value) < {k}"}, (3, 4, 5, 6, 7)),
    "starts": _condition("words", "the words that start with {k}", {"python": 'value.startswith("{k}")', "javascript": 'value.startsWith("{k}")', "java": 'value.startsWith("{k}")', "go": 'strings.HasPrefix(value, "{k}")'}, _LETTERS),
    "ends": _condition("words", "the words that end with {k}", {"python": 'value.endswith("{k}")', "javascript": 'value.endsWith("{k}")', "java": 'value.endsWith("{k}")', "go": 'strings.HasSuffix(value, "{k}")'}, _LETTERS),
    "contains": _condition("words", "the words that contain {k}", {"python": '"{k}" in value', "javascript": 'value.includes("{k}")', "java": 'value.contains("{k}")', "go": 'strings.Contains(value, "{k}")'}, _LETTERS),
    "upper": _mapping("words", "words", "shouted", "its upper-case form", {"python": "value.upper()", "javascript": "value.toUpperCase()", "java": "value.toUpperCase()", "go": "strings.ToUpper(value)"}),
    "suffix": _mapping("words", "words", "extended", "itself followed by {k}", 'value + "{k}"', ("s", "x", "!", "_", "-")),
    "lengths": _mapping("words", "ints", "lengths", "its number of letters", {"python": "len(value)", "javascript": "value.length", "java": "value.length()", "go": "len(value)"}),
    **_list_steps("words"),
    "join": Step("words", "text", "joined", (
        'join the words with "{k}"', 'put the words into one text with "{k}" between them', 'concatenate the words, separated by "{k}"', 'make one text of the words, "{k}" in between', 'string the words together with "{k}"', 'combine the words, using "{k}" as separator', 'link the words by "{k}"', 'glue the words together with "{k}"',
    ), {
        "python": '{o} = "{k}".join({i})', "javascript": 'const {o} = {i}.join("{k}");', "java": 'String {o} = String.join("{k}", {i});', "go": '{o} := strings.Join({i}, "{k}")',
    }, ("-", "_", "+", "/", ":", ";")),
}  # fmt: skip

# What a programmer takes for one another.
CONFUSED: tuple[tuple[str, str], ...] = (
    ("above", "at_least"), ("above", "below"), ("below", "at_most"), ("at_least", "at_most"), ("even", "odd"), ("add", "subtract"), ("add", "times"),
    ("up_ints", "down_ints"), ("up_words", "down_words"), ("take_ints", "drop_ints"), ("take_words", "drop_words"), ("max", "min"),
    ("sum", "count_ints"), ("longer", "shorter"), ("starts", "ends"), ("starts", "contains"), ("square", "negate"), ("sum", "max"),
)  # fmt: skip


def sample_program(rng: random.Random, name: str) -> Program:
    """One to four steps, no step twice, of which each takes what the one before gives."""
    takes: Kind = rng.choice(("ints", "ints", "words"))
    kind, uses, wanted = takes, list[Use](), rng.choice((1, 2, 2, 3, 3, 4))
    while len(uses) < wanted and kind in ("ints", "words"):
        known = {use.step.partition("_")[0] for use in uses}
        last = len(uses) == wanted - 1
        fitting = [
            key for key, step in STEPS.items()
            if step.takes == kind and key.partition("_")[0] not in known and (last or step.gives in ("ints", "words"))
        ]  # fmt: skip
        key = rng.choice(fitting)
        constants = STEPS[key].constants
        uses.append(Use(key, rng.choice(constants) if constants else None))
        kind = STEPS[key].gives
    return Program(name, takes, tuple(uses))


def mutate_program(program: Program, rng: random.Random) -> Program | None:
    """The program with one typed fault: another constant, a confused step, a forgotten step, or two in wrong order; None
    where the dice found no place for one."""
    for _ in range(_ATTEMPTS):
        uses = list(program.uses)
        at = rng.randrange(len(uses))
        use = uses[at]
        match rng.choice(("constant", "confused", "confused", "forgotten", "order")):
            case "constant" if isinstance(use.constant, int):
                uses[at] = Use(use.step, max(1, use.constant + rng.choice((-1, 1))))
            case "confused":
                pairs = [pair for pair in CONFUSED if use.step in pair]
                if pairs:
                    pair = rng.choice(pairs)
                    other = pair[1] if pair[0] == use.step else pair[0]
                    constants = STEPS[other].constants
                    uses[at] = Use(other, (use.constant or constants[0]) if constants else None)
            case "forgotten" if len(uses) > 1 and STEPS[use.step].takes == STEPS[use.step].gives:
                del uses[at]
            case "order" if at and _kinds_of(uses[at - 1]) == _kinds_of(use) and len(set(_kinds_of(use))) == 1:
                uses[at - 1], uses[at] = uses[at], uses[at - 1]
        if uses != list(program.uses):
            return program._replace(uses=tuple(uses))
    return None


def _kinds_of(use: Use) -> tuple[Kind, Kind]:
    return STEPS[use.step].takes, STEPS[use.step].gives


def write_code(program: Program, language: CodeLanguage) -> str:
    """The program as one function."""
    parameter = "numbers" if program.takes == "ints" else "words"
    lines: list[str] = []
    before, used = parameter, {parameter}
    for use in program.uses:
        step = STEPS[use.step]
        result = step.variable if step.variable not in used else f"{step.variable}{len(used)}"
        used.add(result)
        lines += step.code[language].format(i=before, o=result, k=use.constant).split("\n")
        before = result
    lines.append(f"return {before}" if language in ("go", "python") else f"return {before};")
    indent = {"python": "    ", "java": "    ", "javascript": "  ", "go": "\t"}[language]
    body = "\n".join(indent + line for line in lines)
    name = spell_name(program.name, language)
    match language:
        case "python":
            return f"def {name}({parameter}):\n{body}"
        case "javascript":
            return f"function {name}({parameter}) {{\n{body}\n}}"
        case "java":
            return f"static {_JAVA[program.gives]} {name}({_JAVA[program.takes]} {parameter}) {{\n{body}\n}}"
        case "go":
            return f"func {name}({parameter} {_GO[program.takes]}) {_GO[program.gives]} {{\n{body}\n}}"


def spell_name(name: str, language: CodeLanguage) -> str:
    """A name of several words (`count zorbel`) as the language writes functions."""
    first, *others = name.split()
    return "_".join((first, *others)) if language == "python" else first + "".join(map(str.capitalize, others))


def write_value(value: Value, language: CodeLanguage) -> str:
    """A value as a literal of the language."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    inner = ", ".join(write_value(each, language) for each in value)
    if language == "java":
        return f"List.of({inner})"
    kind = "string" if value and isinstance(value[0], str) else "int"
    return f"[]{kind}{{{inner}}}" if language == "go" else f"[{inner}]"


def describe(program: Program, phraser: Phraser) -> str:
    """What the program does, step by step, in English."""
    told = [
        phraser.pick(f"code.step.{use.step}", STEPS[use.step].wordings).format(k=use.constant) for use in program.uses
    ]
    if len(told) == 1:
        return told[0]
    joint = phraser.pick("code.then", (", then ", "; after that ", "; next ", ", and then ", "; afterwards ", "; in the next step ", "; following this ", "; subsequently "))  # fmt: skip
    return joint.join(told)
