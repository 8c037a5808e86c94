"""Questions about the Traffic Light Protocol (TLP 2.0): which label a described piece of information gets, and with whom
a labelled one may be shared.

The label follows from a decision table over the facts that are stated. What harm a leak would do and what the source
asked for each allow an audience at most; where there is harm, so does who has to know in order to act. The label is
that of the narrowest audience; docs/data.md has the table.
"""

from datagen.draft import Draft
from datagen.invention import invent_word
from datagen.phrasing import Phraser
from heimdall.answers import FactAnswer, TextAnswer

LABELS = ("TLP:RED", "TLP:AMBER+STRICT", "TLP:AMBER", "TLP:GREEN", "TLP:CLEAR")  # narrowest audience first

# What a leak would do, by the place in LABELS of the widest audience that this allows.
HARM: dict[int, tuple[str, ...]] = {
    0: (
        "If it leaks, lives or the whole operation are at serious risk.", "A leak would put people in danger at once.", "Should anybody outside the room hear it, the investigation is lost.",
        "It would be ruinous for those involved if one more person knew.", "Any leak exposes an undercover source.", "Disclosure to anyone else would do grave and immediate damage.",
        "One careless word would wreck the arrests planned for tonight.", "The privacy of a victim is gone if this goes any further.",
    ),
    2: (
        "A leak beyond those concerned and their clients would hurt reputation and operations.", "Outside the affected organisation and its clients this would do harm.", "It would damage business if outsiders, apart from clients, got hold of it.",
        "Competitors could exploit it, so only the organisation and its clients can be trusted with it.", "It would endanger systems if it went further than the organisation and those it serves.", "Spread more widely than to clients it would help attackers.",
        "Beyond the organisation and its clients the damage would be considerable.", "There is a real risk to operations unless it stays with the organisation and its clients.",
    ),
    3: (
        "Within the sector it does no harm, but on the open web it would tip off the attackers.", "Peers may know; the public may not, since attackers read along.", "It is harmless among partners, yet it should not be published.",
        "Nothing bad follows if peer organisations know, but publication would spoil the detection.", "In public it could be misused, among peers it cannot.", "Posting it openly would warn the attackers; telling the community would not.",
        "The risk is small inside the community and only arises with publication.", "Harm is not to be expected unless it appears in public channels.",
    ),
    4: (
        "Nobody could be harmed by it.", "No misuse is foreseeable.", "There is no risk in anyone knowing it.", "It can do no damage in anybody's hands.", "Even in an attacker's hands it is worth nothing.", "There is nothing sensitive in it.",
        "A leak would have no consequences at all.", "It carries minimal risk, whoever reads it.",
    ),
}  # fmt: skip
NEED: dict[int, tuple[str, ...]] = {
    0: (
        "Only the people named in the invitation have to act on it.", "It is meant for the ears of those present alone.", "Just the two named investigators need it.", "Nobody but the individual recipients can use it.",
        "The three people on this call are the only ones who need to know.", "It is for the addressee personally.", "Nobody besides the named participants has a use for it.", "Solely the persons listed at the top have to know.",
    ),
    1: (
        "The recipient's own staff must act on it, and nobody else.", "It is needed inside the receiving organisation and nowhere outside it.", "Colleagues within the organisation need it; clients do not.", "Only the recipient's own organisation has to respond.",
        "The in-house security team has to know, clients not.", "It concerns the organisation's own systems and nobody else's.", "Action is needed by the organisation itself and by no client.", "It is of use to the organisation's employees alone.",
    ),
    2: (
        "The organisation and its clients must act to protect themselves.", "Clients of the recipient have to be warned as well as its staff.", "Staff and clients need it to stop the damage.", "The organisation serves clients who have to patch too.",
        "Besides colleagues, the affected clients need to know.", "Without telling its clients the recipient cannot contain it.", "Both the recipient and those it serves have to act.", "It is needed by the organisation and by its clients, no further.",
    ),
    3: (
        "Other organisations in the sector should know it.", "It raises awareness among peers and partners.", "The whole community of incident responders can use it.", "Partner organisations in the same branch need it.",
        "All members of the information-sharing group should be aware of it.", "It is useful to peers across the sector.", "Fellow security teams elsewhere profit from it.", "The wider community of defenders ought to hear of it.",
    ),
    4: (
        "Everyone should read it.", "The general public is to be told.", "It is going to be printed in a press release.", "Anybody in the world may need it.", "It is meant for publication.", "Every user of the product has to hear of it.",
        "It should be on the website for all to see.", "The aim is that as many people as possible know it.",
    ),
}  # fmt: skip
SOURCE: dict[int, tuple[str, ...]] = {
    0: ("The source allows no sharing beyond the recipients themselves.", "Whoever reported it forbids passing it on to anyone.", "It was given on condition that nobody else is told.", "The reporter wants it to go no further than the persons addressed.", "Its originator rules out every further recipient.", "By order of the source it ends with those who were told in person.", "The informant agreed to tell the addressees and nobody besides.", "The source made us promise to tell no one at all."),
    1: ("The source asks that it stay inside the receiving organisation.", "It was given on condition that it does not leave the organisation.", "Whoever reported it wants no client to see it, only colleagues.", "The reporter insists that only in-house staff see it.", "Its originator limits it to employees of the organisation.", "By order of the source it stays in-house.", "The informant agreed to colleagues, not to clients or anyone outside.", "The source made us promise to keep it within the organisation."),
    2: ("The source agrees to sharing with clients, not with others.", "Whoever reported it permits colleagues and clients to read it and nobody else.", "It may go to clients, says the source, and stop there.", "The reporter consents to clients being told, but nobody beyond.", "Its originator limits it to the organisation and its clients.", "By order of the source it ends with staff and clients.", "The informant agreed that clients may know, not that peers may.", "The source made us promise to share it with our clients at most."),
    3: ("The source is happy for peers to have it, but not the press.", "Whoever reported it allows the community to see it and forbids publication.", "It may travel within the community, says the source, without being published.", "The reporter lets partners have it as long as it is not made public.", "Its originator limits it to the sector's community.", "By order of the source it stays off public channels, while peers may read it.", "The informant agreed to the sharing group, not to the web.", "The source made us promise never to publish it, though peers may have it."),
}  # fmt: skip

_SUBJECTS = (
    "a phishing wave against the payroll team of {o}", "an unpatched flaw in {p}", "a list of addresses that a botnet uses against {o}", "a stolen signing key of {o}", "log extracts from a break-in at {o}", "a detection rule for the {p} malware",
    "the plan for taking over the servers of the {p} gang", "a hardening guide for {p}", "passwords of {o} found on a forum", "a report on the outage of {p}", "the name of an insider at {o}", "statistics about attempts against {p}",
    "a backdoor in the update channel of {p}", "samples of the ransomware {p}", "a fraud scheme that imitates {o}", "an audit finding at {o}", "a list of vulnerable {p} devices", "the schedule of a raid on the operators of {p}",
    "a weakness in the badge system of {o}", "an advisory about {p} versions before {n}", "a wiretap summary about {p}", "proof-of-concept code for {p} {n}", "a drill calendar of {o}", "a leak of customer records at {o}",
)  # fmt: skip
_INTRO = (
    "The matter is {s}.", "We hold {s}.", "Today's item: {s}.", "A message concerns {s}.", "Our team received {s}.", "Case notes: {s}.", "On the table is {s}.", "The information is {s}.", "Somebody sent us {s}.",
)  # fmt: skip
# What such a message holds besides, and what the label does not depend on.
_DETAILS = (
    "Hosts: {a}.{b}.example, {c}.{b}.example.", "Reference {b}-{n}, opened by {a} and handed to {c}.", "Seen from {n} addresses, first at {a}, then at {b} and {c}.", "The files were called {a}.dll, {b}.dat and {c}{n}.", "{a} and {b} wrote it down as case {n}; {c} has the logs.",
    "Indicators: user agent {a}/{n}, domain {b}-{c}.example.", "It was found by {a} on {n} machines of the group {b} in {c}.", "The account {a}{n} was used, later {b} and {c}.", "Time line: {a} at {n} minutes, {b} and {c} after that.",
)  # fmt: skip
_ASK = (
    "Which TLP 2.0 label does it get?", "What TLP label fits?", "Classify it by the Traffic Light Protocol.", "How should it be marked under TLP 2.0?", "Give the TLP label only.", "Traffic light label?", "Which marking (TLP) is right?",
    "Under TLP, what colour is this?", "What do I write in the TLP field?", "Assign the TLP marking.",
)  # fmt: skip

# To whom something might be passed on, by the place in LABELS of the narrowest label that forbids nothing about it.
AUDIENCES: dict[int, tuple[str, ...]] = {
    1: ("a colleague at {o} who needs it for the same incident", "the night shift of my own organisation, {o}, which has to act", "a teammate at {o} with a need to know", "my manager at {o}, who must act on it", "the in-house incident team of {o}, which needs it", "an administrator of {o}, my own organisation, who has to apply the fix", "the legal staff in my organisation, {o}, who need it for the case", "another department of {o} that must respond"),
    2: ("a client of {o} that has to protect itself", "the clients of my organisation, {o}, who need it to act", "an affected client of {o}", "a client whose network {o} runs and which must patch", "customers of {o} who are hit and have to react", "the tenant for whom {o} operates the servers and who needs it", "a client company that {o} advises and that must act", "those of {o}'s clients that need it to stop an attack"),
    3: ("a peer company in the same sector as {o}", "the closed mailing list of our sector's sharing group", "a partner organisation of {o} in the community", "security teams of peer organisations", "the incident responders of another firm in the sector", "the trusted community in which {o} takes part", "a fellow member of the sharing group, not a client of {o}", "a partner of {o} that is neither part of it nor its client"),
    4: ("the public on the website of {o}", "a journalist who writes about {o}", "a public blog post", "readers of an open social network", "anyone who opens the download page of {o}", "the audience of a public conference", "the press", "an open mailing list that everybody can read"),
}  # fmt: skip
_SHARE = (
    "I received {s} marked {l}. May I pass it on to {a}?", "{l} is what it says on {s}. Can it go to {a}?", "is {a} a permitted recipient of {s} under {l}?", "{s} came to me as {l}; am I allowed to give it to {a}?", "does {l} on {s} let me share with {a}?",
    "sharing check: {s}, {l}, to {a}. Allowed?", "the marking on {s} is {l}. Would telling {a} break it?", "we want to forward {s} ({l}) to {a}. Is that within TLP 2.0?", "under {l}, may {a} see {s}?",
)  # fmt: skip


def decide_label(harm: int, need: int, source: int | None = None) -> str:
    """The label when each fact allows at most the audience at its place in `LABELS`. Without any harm it does not matter
    who has to know."""
    clear = LABELS.index("TLP:CLEAR")
    return LABELS[min(harm, clear if harm == clear else need, clear if source is None else source)]


def draw_tlp(phraser: Phraser) -> Draft:
    """A described case to be labelled, or a labelled one to be shared or not."""
    return _ask_sharing(phraser) if phraser.rng.random() < 0.25 else _ask_label(phraser)


def _ask_label(phraser: Phraser) -> Draft:
    rng = phraser.rng
    facts = {"harm": rng.choice(list(HARM)), "need": rng.choice(list(NEED))}
    if rng.random() < 0.35:
        facts["source"] = rng.choice(list(SOURCE))
    tables = {"harm": HARM, "need": NEED, "source": SOURCE}
    sentences = [phraser.pick(f"tlp.{kind}.{place}", tables[kind][place]) for kind, place in facts.items()]
    sentences += [_tell_detail(phraser) for _ in range(rng.choice((0, 1, 1, 2)))]
    rng.shuffle(sentences)
    intro = phraser.pick("tlp.intro", _INTRO).format(s=_pick_subject(phraser))
    label = decide_label(**facts)
    question = f"{intro} {' '.join(sentences)}\n\n{phraser.pick('tlp.ask', _ASK)}"
    source = "tlp/" + "/".join(f"{kind}={place}" for kind, place in facts.items())
    return Draft("tlp_label", question, label, TextAnswer(text=label), source=source, prompt="chat")


def _ask_sharing(phraser: Phraser) -> Draft:
    rng = phraser.rng
    label, place = rng.choice(LABELS), rng.choice(list(AUDIENCES))
    allowed = place <= LABELS.index(label)
    audience = phraser.pick(f"tlp.audience.{place}", AUDIENCES[place]).format(o=_invent_name(phraser))
    question = phraser.pick("tlp.share", _SHARE).format(s=_pick_subject(phraser), l=label, a=audience)
    answer = f"Yes, {label} allows that." if allowed else f"No, {label} does not allow that."
    said, unsaid = ("allows", "does not allow") if allowed else ("does not allow", "allows")
    expected = FactAnswer(required=((said,),), forbidden=(unsaid,))
    return Draft("tlp_sharing", question, answer, expected, source=f"tlp/share/{label}/{place}", prompt="chat")


def _pick_subject(phraser: Phraser) -> str:
    rng = phraser.rng
    version = f"{rng.randint(1, 9)}.{rng.randint(0, 20)}"
    return rng.choice(_SUBJECTS).format(o=_invent_name(phraser), p=_invent_name(phraser), n=version)


def _tell_detail(phraser: Phraser) -> str:
    a, b, c = (invent_word(phraser.rng) for _ in range(3))
    return phraser.pick("tlp.detail", _DETAILS).format(a=a, b=b, c=c, n=phraser.rng.randint(2, 990))


def _invent_name(phraser: Phraser) -> str:
    return invent_word(phraser.rng).capitalize()
