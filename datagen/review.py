"""Makes reviews of inferred links: which suggested nodes belong to the source's project, and which only sound so.

Every node belongs to one hidden project, whose names (its own, a person's, a part's) no other project has. What kind of
document it is, it shares with nodes of other projects. A link is right if both nodes show a name of one project; links
to spam, of a node with itself and repeated ones are wrong. What is not shown decides nothing: ids that say nothing are
approved, as NornicDB approves what nobody reviewed.
"""

import json
import random
import re
from typing import Any, Literal, NamedTuple

from datagen.draft import Draft, fits_split
from datagen.invention import invent_word
from datagen.phrasing import Phraser
from heimdall.answers import JsonAnswer
from heimdall.rows import Split
from nornicdb.contract import Contract
from nornicdb.review import MAX_BYTES, MIN_CONFIDENCE, Node, Suggestion, render_review

# What is shown of the nodes: readable ids only, as the engine calls it; ids that say nothing; the source's properties,
# which the prompt has a place for; the properties of every node, which no release shows.
Shown = Literal["ids", "opaque_ids", "source", "content"]
Reason = Literal["related", "other", "spam", "self", "repeated"]

DOCUMENTS = {
    "Note": ("kickoff notes", "meeting minutes", "retrospective", "status update"),
    "Document": ("budget plan", "risk register", "design review", "onboarding guide", "roadmap", "test protocol"),
    "Task": ("migration plan", "release checklist", "supplier audit", "data cleanup"),
    "Report": ("weekly report", "incident report", "cost report", "usage survey"),
    "Memory": ("interview summary", "call summary", "travel request", "invoice"),
}
_IDS = (
    "{project}-{document}", "{document}-{project}", "{project}/{document}", "{document}_{project}", "{project}.{document}",
    "{project}:{document}", "{document}-of-{project}", "{document}@{project}",
)  # fmt: skip
_OPAQUE = ("{:08x}", "n{:07x}", "node-{:06x}", "{:012x}", "mem_{:08x}", "4:nornicdb:{:08x}", "doc.{:06x}", "x{:x}")
_INTRODUCTIONS = (
    "{name} is led by {person} and builds {part}", "{person} runs {name}, whose main part is {part}",
    "the {part} is what {person} delivers for {name}", "first thoughts on {name}: {person} looks after {part}",
    "{person} and the {part} team work on {name}", "for {name} we need {part} and the time of {person}",
    "{name} depends on {part}, said {person}", "what {person} wrote about {part} in {name}",
)  # fmt: skip
_MENTIONS = {
    "name": (
        "{} needs another four weeks", "the costs of {} rose again", "everybody who works on {} was there", "open points of {}",
        "the customer likes {}", "what went well in {}", "plans for {} until the summer", "{} is on hold",
    ),
    "person": (
        "{} asked for the figures of last week", "call {} before the end of the month", "{} is on leave until Monday",
        "{} sent a new version", "written down by {}", "{} wants to see an example first", "the idea came from {}", "as agreed with {}",
    ),
    "part": (
        "the {} has to be tested again", "nobody knows how to install {}", "a new version of {} is out", "{} fails on large inputs",
        "measurements of {} in the laboratory", "{} costs more than expected", "we replaced {} twice", "how {} is built",
    ),
}  # fmt: skip
_SPAM = (
    "{} has won a voucher, click here now", "cheap watches for {}, today only", "{}: make money from home",
    "hot offer for friends of {}, buy now", "asdf asdf {} asdf", "lorem ipsum dolor {} sit amet", "{} {} {} free free free",
    "you will not believe what {} did, subscribe",
)  # fmt: skip
_REASONS = {
    "other": "about something else",
    "spam": "spam",
    "self": "the node itself",
    "repeated": "repeated with less confidence",
}


# What pages of any project say: none of these words is a name.
_SHARED_WORDS = frozenset(
    re.findall(
        "[a-z]+", " ".join((*sum(DOCUMENTS.values(), ()), *_INTRODUCTIONS, *sum(_MENTIONS.values(), ()), *_SPAM))
    )
)


class Project(NamedTuple):
    """The hidden topic. Its three names occur in no other project of the case."""

    name: str
    person: str
    part: str


class Page(NamedTuple):
    """A node before it is written: a document of a project, with the wordings that it will be written in."""

    project: Project
    label: str
    document: str
    id: str
    mention: str
    names: str  # which of the project's names is mentioned
    spam: bool = False


class Link(NamedTuple):
    """A suggestion, and whether its target and the source show a common project."""

    suggestion: Suggestion
    related: bool
    spam: bool = False


class Case(NamedTuple):
    """What is reviewed. `pool` holds nodes with whether they are related; None where no links may be added."""

    shown: Shown
    project: str
    source: Node
    links: tuple[Link, ...]
    pool: tuple[tuple[Node, bool], ...] | None


def draw_review(split: Split, rng: random.Random, contract: Contract, *, twin: bool) -> Draft | None:
    """One review, or None where the dice gave none that fits the split.

    With `twin` and the same dice the target of one link is moved to or from the source's project, and nothing else.
    """
    phraser = Phraser(rng, held_out=split == "test_phrasing")
    case = sample_case(phraser, split, twin=twin)
    source = f"project {case.project}" if case.project else f"node {case.source.id}"
    if not fits_split(source, split) or not phraser.fits:
        return None
    if twin and not case.project:  # ids that say nothing have no counterpart
        return None
    text = write_case(case, contract)
    if len(text.split("\n\n", 1)[1].encode()) > MAX_BYTES:  # NornicDB would approve it without asking
        return None
    value = decide(case)
    return Draft(
        category=case.shown if case.pool is None else f"{case.shown}_augmented",
        question=text,
        answer=json.dumps(value, ensure_ascii=False, separators=(",", ":")),  # as the prompt spells it
        expected=JsonAnswer(
            value=value,
            unordered=("approved", "rejected", "additional"),
            free=("reasoning", "reason", "conf"),
        ),
        source=source,
        productions=tuple(phraser.used),
        prompt="raw",
    )


def sample_case(phraser: Phraser, split: Split, *, twin: bool = False) -> Case:
    """A case with names that fit the split; `twin` as in `draw_review`."""
    shown: Shown = phraser.rng.choices(("ids", "opaque_ids", "source", "content"), (4, 1, 3, 4))[0]
    return _sample_opaque(phraser) if shown == "opaque_ids" else _sample(phraser, split, shown, twin=twin)


def write_case(case: Case, contract: Contract) -> str:
    """The prompt, of which NornicDB would send the same for the categories `ids` and `opaque_ids`."""
    return render_review(
        contract,
        case.source,
        [link.suggestion for link in case.links],
        None if case.pool is None else [node for node, _ in case.pool],
        content=case.shown == "content",
    )


def decide(case: Case) -> dict[str, Any]:
    """The right reply. It follows from the case alone and does not depend on the order of its links and nodes."""
    reasons = [_explain(link, case) for link in case.links]
    approved = [index for index, reason in enumerate(reasons) if reason == "related"]
    value: dict[str, Any] = {
        "approved": approved,
        "rejected": [index for index in range(len(reasons)) if index not in approved],
        "reasoning": _write_reasoning(reasons, case),
    }
    if case.pool is not None:
        value["additional"] = [
            {"target_id": node.id, "type": "RELATES_TO", "conf": 0.8, "reason": f"about {case.project}"}
            for node, related in case.pool
            if related
        ]
    return value


def _explain(link: Link, case: Case) -> Reason:
    target, confidence, _ = link.suggestion
    if target.id == case.source.id:
        return "self"
    if link.spam:
        return "spam"
    if not link.related:
        return "other"
    better = (other for other, _, _ in case.links if other.target.id == target.id and other.confidence > confidence)
    return "repeated" if any(better) else "related"


def _write_reasoning(reasons: list[Reason], case: Case) -> str:
    said = []
    groups = {"related": f"about {case.project}" if case.project else "nothing speaks against it", **_REASONS}
    for reason, words in groups.items():
        found = [str(index) for index, given in enumerate(reasons) if given == reason]
        if found:
            said.append(f"{', '.join(found)}: {words}")
    return "; ".join(said)


def _sample(phraser: Phraser, split: Split, shown: Shown, *, twin: bool) -> Case:
    rng = phraser.rng
    projects = _invent_projects(rng, split, 4)
    own, others = projects[0], projects[1:]
    pages: dict[str, Page] = {}  # by id, so that no two nodes have one
    source = _draw_page(phraser, own, pages)
    wanted: list[Page] = []
    for _ in range(rng.randint(2, 5)):
        project = own if rng.random() < 0.55 else rng.choice(others)
        # What sounds alike: the same kind of document as the source, in another project.
        alike = source if project is not own and rng.random() < 0.6 else None
        spam = shown == "content" and bool(wanted) and rng.random() < 0.12
        wanted.append(_draw_page(phraser, project, pages, alike, spam=spam))
    if twin:
        wanted[0] = wanted[0]._replace(project=others[0] if wanted[0].project is own else own)
    links = [_link(page, own, shown, rng.randint(int(MIN_CONFIDENCE * 100), 99)) for page in wanted]
    if len(links) < 5 and rng.random() < 0.25:
        links.append(_repeat(rng.choice(links), rng))
    node = _write_source(source, shown, phraser)
    if len(links) < 5 and rng.random() < 0.1:
        links.append(Link(Suggestion(node, rng.randint(60, 99) / 100), related=True))
    rng.shuffle(links)
    pool = None
    if rng.random() < 0.4:
        near = [_draw_page(phraser, own, pages) for _ in range(rng.randint(0, 2))]
        far = [_draw_page(phraser, rng.choice(others), pages) for _ in range(rng.randint(0 if near else 1, 4))]
        mixed = [(_write_node(page, shown), page.project is own) for page in (*near, *far)]
        rng.shuffle(mixed)
        pool = tuple(mixed)
    return Case(shown, own.name, node, tuple(links), pool)


def _sample_opaque(phraser: Phraser) -> Case:
    """Nodes of which nothing is known: what NornicDB's engine shows where ids are generated."""
    rng = phraser.rng
    form = phraser.pick("review.opaque", _OPAQUE)
    ids = list(dict.fromkeys(form.format(rng.randrange(16**5, 16**6)) for _ in range(12)))
    source, *nodes = (Node(name) for name in ids)
    links = [
        Link(Suggestion(node, rng.randint(50, 99) / 100), related=True)
        for node in (nodes.pop() for _ in range(rng.randint(2, 4)))
    ]
    if rng.random() < 0.7:
        links.append(_repeat(rng.choice(links), rng))
    if len(links) < 5 and rng.random() < 0.4:
        links.append(Link(Suggestion(source, rng.randint(60, 99) / 100), related=True))
    rng.shuffle(links)
    pool = tuple((node, False) for node in nodes[: rng.randint(1, 5)]) if rng.random() < 0.4 else None
    return Case("opaque_ids", "", source, tuple(links), pool)


def _invent_projects(rng: random.Random, split: Split, count: int) -> list[Project]:
    """Projects whose names fit the split, so that training knows none of those in the splits that hold names out."""
    names: list[str] = []
    while len(names) < 3 * count:
        word = invent_word(rng, held_out=split == "test_phrasing")
        if word not in names and word not in _SHARED_WORDS and fits_split(f"project {word}", split):
            names.append(word)
    if rng.random() < 0.3:  # a name that differs from the source's in one letter
        at, letter = rng.randrange(len(names[0])), rng.choice("bdfgklmnprstvz")
        near = names[0][:at] + letter + names[0][at + 1 :]
        if near not in names and fits_split(f"project {near}", split):
            names[3] = near
    return [Project(name, person.capitalize(), part) for name, person, part in zip(*[iter(names)] * 3, strict=True)]


def _draw_page(
    phraser: Phraser, project: Project, taken: dict[str, Page], alike: Page | None = None, *, spam: bool = False
) -> Page:
    """A page with an id that no other page has, also not after it has changed its project."""
    rng = phraser.rng
    while True:
        label = alike.label if alike else rng.choice(sorted(DOCUMENTS))
        document = alike.document if alike else rng.choice(DOCUMENTS[label])
        alike = None  # the second try is another document
        page_id = phraser.pick("review.id", _IDS).replace("{document}", document.replace(" ", "-"))
        if page_id not in taken:
            break
    names = rng.choice(sorted(_MENTIONS))
    mention = phraser.pick("review.spam", _SPAM) if spam else phraser.pick(f"review.{names}", _MENTIONS[names])
    taken[page_id] = Page(project, label, document, page_id, mention, names, spam)
    return taken[page_id]


def _write_source(page: Page, shown: Shown, phraser: Phraser) -> Node:
    if shown == "ids":
        return _write_node(page, shown)
    text = phraser.pick("review.introduction", _INTRODUCTIONS).format(**page.project._asdict())
    props = [("title", page.document), ("text", text)]
    phraser.rng.shuffle(props)
    return Node(f"n{phraser.rng.randrange(16**5, 16**6):x}", (page.label,), dict(props))


def _write_node(page: Page, shown: Shown) -> Node:
    if shown != "content":
        return Node(page.id.replace("{project}", page.project.name))
    # The id of a node whose content is shown says only what kind of document it is.
    name = getattr(page.project, page.names)
    text = page.mention.replace("{}", name)
    return Node(page.id.replace("{project}", "file"), (page.label,), {"title": page.document, "text": text})


def _link(page: Page, own: Project, shown: Shown, percent: int) -> Link:
    return Link(Suggestion(_write_node(page, shown), percent / 100), page.project is own, page.spam)


def _repeat(link: Link, rng: random.Random) -> Link:
    """The same link with another confidence."""
    percent = round(link.suggestion.confidence * 100)
    other = rng.choice([value for value in range(50, 100) if value != percent])
    return link._replace(suggestion=link.suggestion._replace(confidence=other / 100))
