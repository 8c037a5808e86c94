"""The wordings of questions: tables from a construct to its alternatives, of which the last ones are held out."""

# How a command begins; {show} in a frame below.
SHOW = (
    "show", "show me", "list", "give me", "get", "get me", "return", "find", "display", "print", "tell me", "I need", "I want",
    "I want to see", "I would like", "let me see", "please show", "please list", "please give me", "can you show me", "could you list",
    "can you get me", "retrieve", "look up", "output", "we need", "fetch", "pull up", "could you give me", "would you list", "bring up",
    "I am after", "please return", "could you fetch me", "please tell me",
)  # fmt: skip
DETERMINERS = ("", "", "", "", "all ", "the ", "all the ", "each of the ", "any ", "all of the ", "every one of the ")

# {np} is the noun phrase with its determiner, {bare} without.
REQUESTS: dict[str, tuple[str, ...]] = {
    "nodes": (
        "{show} {np}", "{show} {np}", "{show} {np}", "I am looking for {np}", "search for {np}", "which {bare} are there", "{np}",
        "what {bare} are in the database", "search the database for {np}", "{show} {np} that the database holds", "which are {np}",
        "I am searching for {np}", "return {np} to me", "{show} {np} in the database", "which {bare} do we have",
        "what {bare} do we know of",
    ),
    "project": (
        "{show} the {p} of {np}", "{show} the {p} of {np}", "{show} the {p} for {np}", "{show} {p} of {np}", "what is the {p} of {np}",
        "what are the {p} of {np}", "{p} of {np}", "for {np}, {show} the {p}", "what {p} do {bare} have", "{show} {np} with the {p}",
        "{np}: {p}", "{p} for {np}", "which {p} belongs to {np}", "what {p} is there for {np}", "for {np}, give the {p}",
        "{show} only the {p} of {np}", "{show} just the {p} for {np}", "the {p} of {np}", "what is the {p} for {np}", "{np}: the {p}",
        "the {p} that {np} have, please", "what do we have as {p} for {np}",
    ),
    "distinct": (
        "{show} the distinct {p} of {np}", "{show} the different {p} values of {np}", "what distinct {p} values do {bare} have",
        "unique {p} of {np}", "{show} the unique {p} values of {np}", "{show} each {p} of {np} once", "which distinct {p} do {bare} have",
        "{show} the {p} of {np} without repeats", "what are the unique {p} of {np}", "{p} of {np}, each only once",
        "which different {p} values occur among {np}", "{show} every {p} that {bare} have, no duplicates",
        "{show} the distinct {p} values for {np}", "{p} of {np} without duplicates", "{show} all different {p} values among {np}",
        "distinct {p} of {np}", "what different {p} values do {bare} have", "{show} the {p} values of {np} without duplicates",
    ),
    "count": (
        "how many {bare} are there", "count {np}", "count {np}", "what is the number of {bare}", "number of {bare}",
        "how many {bare} do we have", "{show} the count of {bare}", "{show} the number of {bare}", "how many {bare}",
        "what is the count of {np}", "total number of {bare}", "count how many {bare} there are", "how many {bare} does the database hold",
        "how many {bare} can be found", "how large is the count of {np}", "count of {np}", "{show} how many {bare} there are", "the number of {bare}, please",
        "what is the total number of {bare}", "{show} a count of {np}", "tell me how many {bare} exist",
        "how large is the number of {bare}",
    ),
    "aggregate": (
        "what is the {f} {p} of {np}", "{show} the {f} {p} of {np}", "{f} {p} of {np}", "compute the {f} {p} of {np}",
        "find the {f} {p} across {np}", "{show} the {f} {p} for {np}", "calculate the {f} {p} over {np}", "for {np}, what is the {f} {p}",
        "{f} {p} for {np}", "what {f} {p} do {bare} have", "work out the {f} {p} of {np}", "{show} the {f} {p} across {np}",
        "for {np}, {show} the {f} {p}", "determine the {f} {p} of {np}", "what is the {f} {p} across {np}", "{show} the {f} {p} among {np}",
        "{f} {p} over {np}", "the {f} {p} of {np}, please", "get the {f} {p} that {bare} have", "tell me the {f} {p} among {np}",
        "determine the {f} {p} that {bare} have",
    ),
    "group_count": (
        "how many {bare} are there per {p}", "count {np} by {p}", "number of {bare} per {p}", "for each {p}, count {np}",
        "{show} the number of {bare} for each {p}", "count of {bare} grouped by {p}", "group {np} by {p} and count them",
        "per {p}, how many {bare} are there", "{show} the count of {bare} per {p}", "how many {bare} for each {p}",
        "{show} each {p} with its number of {bare}", "number of {bare} by {p}", "{show} the {p} and the number of {bare} for it",
        "how are {np} distributed over {p}", "break down the count of {bare} by {p}", "{show} how many {bare} each {p} has",
        "number of {bare} for every {p}", "count the {bare} of each {p}", "break {np} down by {p} and count them",
        "what is the number of {bare} per {p}", "{show} how many {bare} there are for each {p}",
    ),
    "group_aggregate": (
        "what is the {f} {q} of {np} per {p}", "{show} the {f} {q} of {np} for each {p}", "{f} {q} of {np} by {p}",
        "for each {p}, {show} the {f} {q} of {np}", "{f} {q} of {np} grouped by {p}", "{show} the {p} and the {f} {q} of {np} for it",
        "{f} {q} per {p} of {np}", "group {np} by {p} and {show} the {f} {q}", "{show} the {f} {q} by {p} for {np}",
        "for {np}, {show} the {f} {q} per {p}", "what {f} {q} do {bare} have for each {p}",
        "compute the {f} {q} of {np} broken down by {p}", "break down the {f} {q} of {np} by {p}",
        "determine the {f} {q} of {np} for each {p}", "{f} {q} of {np} for every {p}", "{show} per {p} the {f} {q} of {np}",
        "calculate the {f} {q} of {np} per {p}", "per {p}, what is the {f} {q} of {np}", "what is the {f} {q} of {np} by {p}",
    ),
    "pairs": (
        "{show} the {p} of {np} together with the {q} of the {m}", "{show} the {p} of {np} and the {q} of the {m}",
        "{p} of {np} and {q} of the {m}", "for {np}, {show} the {p} and the {q} of the {m}",
        "{show} the {p} of {np} along with the {q} of the {m}", "for {np}, {show} {p} and the {q} of the {m}",
        "{show} the {p} of {np} and also the {q} of the {m}", "{show} the {p} of {np} with the {q} of the {m}",
        "{show} {p} of {np} plus {q} of the {m}", "{show} the {p} of {np} next to the {q} of the {m}",
        "pair the {p} of {np} with the {q} of the {m}", "{show} both the {p} of {np} and the {q} of the {m}",
        "the {p} of {np} with the {q} of the {m}", "what is the {p} of {np} and the {q} of the {m}",
        "{show} the {q} of the {m} after the {p} of {np}", "what are the {p} of {np} and the {q} of the {m}",
        "for {np}, what is the {p} and the {q} of the {m}",
    ),
    "count_per": (
        "for each of the {bare}, {show} the {p} and how many {m}", "{show} the {p} of {np} and the number of {m}",
        "{p} of {np} and the number of {m}", "{show} the {p} of {np} with the count of {m}", "how many {m}, for each {p} of {bare}",
        "{show} the {p} of {np} and how many {m}", "{show} for each {p} of {bare} the number of {m}",
        "{show} the number of {m} for each {p} of {bare}", "for each {p} of {bare}, {show} the number of {m}",
        "count the {m} for each {p} of {bare}", "{show} the {p} of {np} and count the {m}", "{p} of {np} with the count of {m}",
        "for every {p} of {bare}, how many {m}", "what is the {p} of {np} and the number of {m}", "per {p} of {bare}, count the {m}",
        "return the {p} of {np} together with how many {m}",
    ),
    "top": (
        "{show} the {p} of the {k} {bare} with the {most} {q}", "what is the {p} of the {k} {bare} with the {most} {q}",
        "{p} of the {k} {bare} with the {most} {q}", "{show} the {p} of the {k} {bare} having the {most} {q}",
        "find the {k} {bare} with the {most} {q} and {show} the {p}", "{p} of {k} {bare} with the {most} {q}",
        "for the {k} {bare} with the {most} {q}, {show} the {p}", "{show} the {p} of {k} {bare} that have the {most} {q}",
        "{show} the {p} for the {k} {bare} with the {most} {q}", "the {p} of the {k} {bare} with the {most} {q}, please",
        "what {p} do the {k} {bare} with the {most} {q} have", "{show} the {p} of the {k} {bare} whose {q} is the {most}",
        "which {k} {bare} have the {most} {q}, show the {p}", "get the {p} of the {k} {bare} whose {q} is {most}",
    ),
    "superlative": (
        "{show} the {p} of the {k} {most} {bare}", "what is the {p} of the {k} {most} {bare}", "{p} of the {k} {most} {bare}",
        "find the {k} {most} {bare} and {show} the {p}", "for the {k} {most} {bare}, {show} the {p}",
        "{show} the {p} for the {k} {most} {bare}", "which are the {k} {most} {bare}, {show} the {p}", "the {p} of the {k} {most} {bare}",
        "what {p} do the {k} {most} {bare} have", "which {p} do the {k} {most} {bare} have", "return the {p} of the {k} {most} {bare}",
        "get the {p} for the {k} {most} {bare}", "tell me the {p} of the {k} {most} {bare}",
    ),
    "sorted": (
        "{show} the {p} of {np} sorted by {q} {order}", "{show} the {p} of {np} ordered by {q} {order}",
        "{p} of {np} sorted by {q} {order}", "{p} of {np} in order of {q} {order}", "sort {np} by {q} {order} and {show} the {p}",
        "{show} the {p} of {np}, ordered by {q} {order}", "order {np} by {q} {order} and {show} the {p}",
        "for {np}, {show} the {p} sorted by {q} {order}", "rank {np} by {q} {order}, showing the {p}", "{p} of {np} by {q} {order}",
        "{show} the {p} of {np} in order of {q} {order}", "what is the {p} of {np}, sorted by {q} {order}",
        "list {np} by {q} {order}, showing the {p}", "{p} for {np}, ordered by {q} {order}", "return the {p} of {np} sorted {order} by {q}",
        "{show} the {p} for {np}, sorted by {q} {order}",
    ),
}  # fmt: skip
LINKED = (
    "{show} the {key} of {np}", "{show} the {key} of the {bare}", "what is the {key} of the {bare}", "{key} of the {bare}", "{show} the {key} for the {bare}",
    "for the {bare}, {show} the {key}", "{show} {key} of the {bare}", "which {head} {link}, {show} the {key}",
    "get the {key} for the {bare}", "find the {bare} and show the {key}",
)  # fmt: skip
QUESTIONS = ("what", "how", "which", "who", "are", "do", "can", "could")

CONDITIONS: dict[str, tuple[str, ...]] = {
    "eq": (
        "with {p} {v}", "whose {p} is {v}", "that have {p} {v}", "where the {p} is {v}", "with {p} equal to {v}", "with {v} as {p}",
        "where {p} = {v}", "whose {p} equals {v}", "with {v} for {p}", "for which the {p} is {v}", "with the {p} {v}",
        "whose {p} reads {v}", "that have {v} as {p}", "where {v} is the {p}", "having a {p} of {v}", "with {p} set to {v}",
    ),
    "named": (
        "named {v}", "called {v}", "with the name {v}", "whose name is {v}", "that are called {v}", "with name {v}", "having the name {v}",
        "that go by {v}", "going by the name {v}", "going by the name {v}", "with {v} as name", "which are named {v}",
        "that have the name {v}", "where the name is {v}", "that go by the name {v}", "having {v} as name",
    ),
    "ne": (
        "whose {p} is not {v}", "with {p} other than {v}", "where {p} <> {v}", "with a {p} different from {v}",
        "whose {p} is anything but {v}", "whose {p} is different from {v}", "where the {p} is not {v}", "with {p} not {v}",
        "except those with {p} {v}", "whose {p} does not equal {v}", "where {p} is not {v}", "that have a {p} other than {v}",
        "whose {p} is other than {v}", "without {v} as {p}", "that do not have {p} {v}", "with a {p} that is not {v}",
    ),
    "gt": (
        "with {p} above {v}", "with {p} over {v}", "with {p} greater than {v}", "whose {p} is more than {v}", "with {p} higher than {v}",
        "whose {p} is above {v}", "where {p} > {v}", "with more than {v} {p}", "whose {p} exceeds {v}", "with {p} beyond {v}",
        "with a {p} above {v}", "where the {p} is more than {v}", "with {p} > {v}", "having a {p} over {v}", "with {p} exceeding {v}",
        "whose {p} is over {v}", "whose {p} is greater than {v}", "where {p} is above {v}",
    ),
    "ge": (
        "with {p} of at least {v}", "whose {p} is at least {v}", "with {p} of {v} or more", "where {p} >= {v}", "with at least {v} {p}",
        "whose {p} is {v} or more", "with {p} {v} or above", "with {p} no less than {v}", "whose {p} is {v} or higher",
        "with a minimum {p} of {v}", "with a {p} of at least {v}", "where {p} is at least {v}", "with {p} >= {v}",
        "having {p} of {v} or more", "whose {p} is no less than {v}", "with {p} from {v} upwards", "where the {p} is {v} or more",
    ),
    "lt": (
        "with {p} below {v}", "with {p} under {v}", "with {p} less than {v}", "whose {p} is lower than {v}", "with {p} smaller than {v}",
        "whose {p} is below {v}", "where {p} < {v}", "with fewer than {v} {p}", "whose {p} stays under {v}", "with {p} short of {v}",
        "with a {p} below {v}", "where the {p} is less than {v}", "with {p} < {v}", "having a {p} under {v}", "whose {p} is under {v}",
        "that stay below {v} in {p}", "whose {p} is less than {v}", "where {p} is below {v}",
    ),
    "le": (
        "with {p} of at most {v}", "whose {p} is at most {v}", "with {p} of {v} or less", "where {p} <= {v}", "with at most {v} {p}",
        "whose {p} is {v} or less", "with {p} {v} or below", "with {p} no more than {v}", "whose {p} is {v} or lower",
        "with a maximum {p} of {v}", "with a {p} of at most {v}", "where {p} is at most {v}", "with {p} <= {v}",
        "having {p} of {v} or less", "whose {p} is no more than {v}", "with {p} up to {v}", "where the {p} is {v} or less",
    ),
    "between": (
        "with {p} between {v} and {w}", "whose {p} is between {v} and {w}", "with {p} from {v} to {w}",
        "where {p} is in the range {v} to {w}", "with a {p} between {v} and {w}", "where {p} is between {v} and {w}",
        "whose {p} is from {v} to {w}", "with {p} of {v} to {w}", "with {p} anywhere from {v} to {w}",
        "with {p} between {v} and {w}, both included", "whose {p} ranges from {v} to {w}", "having a {p} from {v} to {w}",
        "with {p} in the range from {v} to {w}", "where {p} lies between {v} and {w}", "whose {p} lies between {v} and {w}",
        "with {p} in the range {v} to {w}",
    ),
    "in": (
        "whose {p} is {v} or {w}", "with {p} {v} or {w}", "where the {p} is either {v} or {w}", "with {p} in {v}, {w}",
        "with either {v} or {w} as {p}", "with a {p} of {v} or {w}", "where {p} is {v} or {w}", "having {p} {v} or {w}",
        "whose {p} is either {v} or {w}", "where {p} is one of {v}, {w}", "with one of {v} and {w} as {p}", "with {p} of {v} or else {w}",
        "that have {p} {v} or {w}", "whose {p} is one of {v} and {w}", "with either {v} or {w} for {p}",
    ),
    "contains": (
        "whose {p} contains {v}", "with {v} in the {p}", "where the {p} contains {v}", "with {p} containing {v}", "whose {p} has {v} in it",
        "with a {p} that contains {v}", "where {v} is part of the {p}", "whose {p} includes {v}", "that have {v} somewhere in the {p}",
        "that contain {v} in the {p}", "where {p} includes {v}", "with a {p} including {v}", "with {v} somewhere in the {p}",
        "having {v} in the {p}", "with a {p} that includes {v}", "where the {p} has {v} in it",
    ),
    "starts": (
        "whose {p} starts with {v}", "with {p} starting with {v}", "where the {p} starts with {v}", "whose {p} begins with {v}",
        "with {p} beginning with {v}", "where {p} starts with {v}", "with a {p} beginning with {v}", "with a {p} that starts with {v}",
        "where {v} starts the {p}", "having a {p} that starts with {v}", "with {v} at the beginning of the {p}",
        "that start with {v} in the {p}", "with a {p} that begins with {v}", "with {v} at the start of the {p}",
    ),
    "missing": (
        "without a {p}", "with no {p}", "that have no {p}", "whose {p} is missing", "where {p} is missing", "with a missing {p}",
        "that lack a {p}", "where the {p} is not set", "lacking a {p}", "lacking the {p}", "where there is no {p}", "with the {p} not set",
        "that do not have a {p}", "with {p} missing", "that come without a {p}", "whose {p} is not set", "which lack a {p}",
    ),
    "true": (
        "that are {t}", "with {p} true", "whose {p} is true", "which are {t}", "where {p} is true", "where {p} = true",
        "with {p} set to true", "marked as {t}", "which have {p} true", "where {p} holds", "with {p} being true", "those that are {t}",
        "that have {p} set to true", "for which {p} is true", "where the {p} is true",
    ),
    "false": (
        "that are not {t}", "with {p} false", "whose {p} is false", "which are not {t}", "where {p} is false", "where {p} = false",
        "with {p} set to false", "not marked as {t}", "which have {p} false", "where {p} does not hold", "with {p} being false",
        "those that are not {t}", "that have {p} set to false", "for which {p} is false", "where the {p} is false",
    ),
    "not_in": (
        "whose {p} is neither {v} nor {w}", "with {p} other than {v} and {w}", "with a {p} that is not {v} or {w}", "where {p} is not one of {v}, {w}",
        "with {p} not in {v}, {w}", "except those with {p} {v} or {w}", "whose {p} is anything but {v} or {w}", "excluding {p} {v} and {w}",
        "with neither {v} nor {w} as {p}", "leaving out {p} {v} and {w}",
    ),
    "ends": (
        "whose {p} ends with {v}", "with {p} ending in {v}", "where the {p} ends with {v}", "with a {p} that ends in {v}", "whose {p} ends in {v}",
        "with {v} at the end of the {p}", "where {p} ends with {v}", "having a {p} ending with {v}", "whose {p} finishes with {v}", "with {v} as the last letters of the {p}",
    ),
    "not_contains": (
        "whose {p} does not contain {v}", "without {v} in the {p}", "where {p} does not contain {v}", "with a {p} that lacks {v}", "whose {p} has no {v} in it",
        "with {p} not containing {v}", "whose {p} does not include {v}", "with a {p} free of {v}", "where {v} is no part of the {p}",
    ),
    "not_starts": (
        "whose {p} does not start with {v}", "with {p} not starting with {v}", "where {p} does not begin with {v}", "with a {p} that does not begin with {v}",
        "whose {p} starts with anything but {v}", "except those whose {p} starts with {v}", "where the {p} does not start with {v}",
        "with no {v} at the start of the {p}", "whose {p} begins with something other than {v}",
    ),
    "fold": (
        "whose {p} is {v} in any case", "with {p} {v}, ignoring case", "whose {p} is {v} regardless of case", "with {p} equal to {v}, upper or lower case",
        "where {p} matches {v} case-insensitively", "with a {p} of {v}, whatever the case", "whose {p} reads {v} in upper or lower case",
        "with {p} {v} no matter how it is capitalised", "whose {p} equals {v} when case is ignored",
    ),
    "matches": (
        "whose {p} matches the pattern {v}", "with {p} matching the regular expression {v}", "where {p} matches regex {v}", "with a {p} that fits the pattern {v}",
        "whose {p} matches {v} as a regex", "with {p} matching {v} as a regular expression", "where the {p} fits the regex {v}",
        "whose {p} satisfies the regular expression {v}", "with a {p} of the form {v}, as a regular expression",
    ),
    "longer": (
        "whose {p} has more than {v} characters", "with a {p} longer than {v} characters", "with {p} of more than {v} letters", "whose {p} is longer than {v} characters",
        "where the length of {p} is above {v}", "with a {p} of over {v} characters", "whose {p} takes more than {v} characters",
        "where {p} runs past {v} characters", "with more than {v} letters in the {p}",
    ),
    "shorter": (
        "whose {p} has fewer than {v} characters", "with a {p} shorter than {v} characters", "with {p} of less than {v} letters", "whose {p} is shorter than {v} characters",
        "where the length of {p} is below {v}", "with a {p} of under {v} characters", "whose {p} takes fewer than {v} characters",
        "where {p} stays below {v} characters", "with fewer than {v} letters in the {p}",
    ),
    "present": (
        "that have a {p}", "with a known {p}", "whose {p} is set", "where {p} is not missing", "where the {p} is known", "with any {p} at all", "whose {p} is filled in",
        "that come with a {p}", "whose {p} is not empty",
    ),
    "multiple": (
        "whose {p} is a multiple of {v}", "with {p} divisible by {v}", "whose {p} can be divided by {v}", "where {p} is divisible by {v}", "with a {p} that is a multiple of {v}",
        "where {p} modulo {v} is zero", "with {p} divisible by {v} without remainder", "whose {p} divides evenly by {v}", "with {p} in steps of {v}",
    ),
    "within": (
        "with {p} strictly between {v} and {w}", "whose {p} is above {v} but below {w}", "with {p} over {v} and under {w}", "whose {p} is more than {v} and less than {w}",
        "where {v} < {p} < {w}", "with {p} greater than {v} but smaller than {w}", "whose {p} lies between {v} and {w}, both excluded",
        "with {p} past {v} yet short of {w}", "with {p} between {v} and {w}, not counting the ends",
    ),
    "before": (
        "with {p} before {v}", "whose {p} is before {v}", "with a {p} earlier than {v}", "where {p} is before {v}", "whose {p} lies before {v}", "with {p} prior to {v}",
        "dated before {v} by {p}", "whose {p} precedes {v}", "with {p} no later than the day before {v}",
    ),
    "since": (
        "with {p} since {v}", "with {p} on or after {v}", "whose {p} is {v} or later", "with a {p} from {v} on", "whose {p} is not before {v}", "where {p} is on or after {v}",
        "with {p} starting {v}", "whose {p} is no earlier than {v}", "with {p} from {v} onwards",
    ),
    "in_year": (
        "with {p} in {v}", "whose {p} is in {v}", "with a {p} in the year {v}", "where {p} falls in {v}", "whose {p} lies in {v}", "with {p} during {v}",
        "with {p} some time in {v}", "whose {p} is within {v}", "with a {p} dating from {v}",
    ),
    "in_month": (
        "with {p} in {v} of any year", "whose {p} falls in {v}", "with a {p} in the month of {v}", "whose {p} is in {v}, whatever the year", "with {p} in any {v}",
        "where the month of {p} is {v}", "whose {p} lies in some {v}", "with {p} during {v} of whichever year", "whose {p} has {v} as its month",
    ),
    "dated": (
        "with {p} between {v} and {w}", "with {p} from {v} to {w}", "whose {p} lies between {v} and {w}", "with a {p} from {v} until {w}", "where {p} is between {v} and {w}",
        "whose {p} is from {v} to {w}", "with {p} in the period {v} to {w}", "whose {p} falls between {v} and {w}", "with {p} from {v} through {w}",
    ),
}  # fmt: skip

FUNCTIONS = {
    "avg": ("average", "mean", "average", "avg", "typical", "average value of the", "mean value of the"),
    "sum": ("sum of the", "summed", "total", "added up", "overall", "combined", "sum total of the"),
    "min": ("lowest", "minimum", "smallest", "min", "minimal", "least", "smallest value of the"),
    "max": ("highest", "maximum", "largest", "max", "maximal", "greatest", "largest value of the"),
}
MOST = {
    True: ("highest", "largest", "biggest", "maximum", "greatest"),
    False: ("lowest", "smallest", "minimum", "least"),
}
ORDER = {
    True: (
        "descending",
        "in descending order",
        "from high to low",
        "highest first",
        "from the largest down",
        "largest first",
    ),
    False: (
        "ascending",
        "in ascending order",
        "from low to high",
        "lowest first",
        "from the smallest up",
        "smallest first",
    ),
}
FORWARD = (
    "that {verb} {np}", "that {verb} {np}", "which {verb} {np}", "that {verb} any {np}", "which {verb} one or more of the {np}",
    "which {verb} some {np}", "that {verb} at least one of the {np}",
)  # fmt: skip
BACKWARD = (
    "{passive} {np}", "that {np} {verb}", "{passive} any {np}", "that are {passive} {np}", "which are {passive} {np}",
    "{passive} one or more of the {np}", "which {np} {verb}",
)  # fmt: skip
NOT_FORWARD = (
    "that {verb} no {np}", "that {verb} none of the {np}", "which {verb} no {np}", "that never {verb} any {np}",
    "which never {verb} a single one of the {np}", "which {verb} none of the {np}", "that {verb} not a single one of the {np}",
)  # fmt: skip
NOT_BACKWARD = (
    "that no {np} {verb}", "not {passive} any {np}", "{passive} no {np}", "that are not {passive} any {np}",
    "that none of the {np} {verb}", "which are {passive} no {np}", "which none of the {np} {verb}",
)  # fmt: skip
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
