"""Code review: working snippets into which one typed defect is put, or none; the answer names the defect and its line.

A snippet is a list of lines in which `{x}` stands for invented names. A defect replaces one of them (`bad` stands where
`good` stood), so the line is known, and what the reviewer is to say is the defect's description. Snippets are strung
together into a file, of which at most one part is defective.
"""

import random
from typing import NamedTuple

from datagen.draft import Draft
from datagen.invention import invent_identifiers
from datagen.phrasing import Phraser
from heimdall.answers import FactAnswer


class Snippet(NamedTuple):
    """Working code of one function, the line that a defect replaces, and the defect: how it is called and why."""

    language: str
    lines: tuple[str, ...]
    good: str
    bad: str
    defect: str
    reason: str


_WHY: dict[str, str] = {
    "SQL injection": "text from outside becomes part of the statement; pass it as a parameter",
    "hard-coded secret": "whoever reads the code has the password; read it from the environment",
    "swallowed error": "the failure is dropped without a trace; handle it or pass it on",
    "resource leak": "nothing closes it on every path; close it when done",
    "mutable default argument": "one list is shared by all calls; use None and make a new one",
    "off-by-one error": "the loop goes one element too far",
    "division by zero": "nothing rules out an empty input",
    "code injection": "text from outside is run as code; parse it instead",
    "command injection": "text from outside reaches a shell; pass a list of arguments",
    "missing await": "a promise is returned where its value is needed",
    "loose comparison": "== converts types; compare with ===",
    "reference comparison": "== compares references; use equals",
    "null dereference": "the value may be null and is used without a check",
    "data race": "the map is written without holding the lock",
    "infinite loop": "the variable that ends the loop never changes",
    "path traversal": "a name with .. leaves the directory; keep only its last part",
    "weak randomness": "the token can be predicted; use the cryptographic generator",
    "disabled certificate check": "anybody can pose as the server; leave verification on",
}


def _snippet(language: str, defect: str, good: str, bad: str, code: str) -> Snippet:
    lines = tuple(code.strip("\n").split("\n"))
    place = [line.strip() for line in lines].index("@")
    indent = lines[place][: -len("@")]
    full = (*lines[:place], indent + good, *lines[place + 1 :])
    return Snippet(language, full, indent + good, indent + bad, defect, _WHY[defect])


SNIPPETS: tuple[Snippet, ...] = (
    _snippet("Python", "SQL injection", 'cursor.execute("SELECT * FROM {b} WHERE name = ?", ({a},))', "cursor.execute(\"SELECT * FROM {b} WHERE name = '\" + {a} + \"'\")", """
def find_{f}(connection, {a}):
    cursor = connection.cursor()
    @
    return cursor.fetchall()"""),
    _snippet("Python", "hard-coded secret", 'password = os.environ["{b}_PASSWORD"]', 'password = "{b}-{n}-{c}"', """
def connect_{f}(host):
    user = "{a}"
    @
    return open_session(host, user, password)"""),
    _snippet("Python", "swallowed error", 'raise ValueError(f"{a} is not a number") from error', "pass", """
def read_{f}({a}):
    try:
        return float({a})
    except ValueError as error:
        @"""),
    _snippet("Python", "resource leak", 'with open({a}, encoding="utf-8") as file: return file.read()', 'return open({a}, encoding="utf-8").read()', """
def load_{f}({a}):
    if not {a}:
        return ""
    @"""),
    _snippet("Python", "mutable default argument", "def add_{f}({a}, {b}=None):", "def add_{f}({a}, {b}=[]):", """
@
    {b} = {b} if {b} is not None else []
    {b}.append({a})
    return {b}"""),
    _snippet("Python", "off-by-one error", "for place in range(len({a})):", "for place in range(len({a}) + 1):", """
def sum_{f}({a}):
    {b} = 0
    @
        {b} += {a}[place]
    return {b}"""),
    _snippet("Python", "division by zero", "return sum({a}) / len({a}) if {a} else 0.0", "return sum({a}) / len({a})", """
def average_{f}({a}):
    # {a} may be an empty list
    @"""),
    _snippet("Python", "code injection", "{b} = ast.literal_eval({a})", "{b} = eval({a})", """
def parse_{f}({a}):
    # {a} comes from the request
    @
    return {b}"""),
    _snippet("Python", "command injection", 'subprocess.run(["tar", "-tf", {a}], check=True)', 'subprocess.run("tar -tf " + {a}, shell=True, check=True)', """
def list_{f}({a}):
    # {a} is a file name chosen by the user
    @
    return True"""),
    _snippet("Python", "infinite loop", "{b} -= 1", "{a} -= 1", """
def wait_{f}({a}):
    {b} = {n}
    while {b} > 0:
        poll({a})
        @"""),
    _snippet("Python", "weak randomness", "return secrets.token_hex({n})", 'return "".join(random.choices("0123456789abcdef", k={n}))', """
def make_{f}_token():
    # signs users in
    @"""),
    _snippet("Python", "disabled certificate check", "response = requests.get({a}, timeout={n})", "response = requests.get({a}, timeout={n}, verify=False)", """
def fetch_{f}({a}):
    @
    response.raise_for_status()
    return response.json()"""),
    _snippet("Python", "path traversal", "path = ROOT / Path({a}).name", "path = ROOT / {a}", """
def open_{f}({a}):
    # {a} is the name that a client sent
    @
    return path.read_bytes()"""),
    _snippet("JavaScript", "loose comparison", "if ({a} === {b}) {{", "if ({a} == {b}) {{", """
function same{F}({a}, {b}) {{
  @
    return true;
  }}
  return false;
}}"""),
    _snippet("JavaScript", "missing await", "const {a} = await load{G}(id);", "const {a} = load{G}(id);", """
async function show{F}(id) {{
  @
  return {a}.name.trim();
}}"""),
    _snippet("JavaScript", "code injection", "const {b} = JSON.parse({a});", "const {b} = eval({a});", """
function parse{F}({a}) {{
  // {a} is the body of a request
  @
  return {b};
}}"""),
    _snippet("JavaScript", "off-by-one error", "for (let i = 0; i < {a}.length; i++) {{", "for (let i = 0; i <= {a}.length; i++) {{", """
function total{F}({a}) {{
  let {b} = 0;
  @
    {b} += {a}[i].price;
  }}
  return {b};
}}"""),
    _snippet("JavaScript", "swallowed error", "throw new Error(`bad {a}: ${{error.message}}`);", "return undefined;", """
function decode{F}({a}) {{
  try {{
    return JSON.parse({a});
  }} catch (error) {{
    @
  }}
}}"""),
    _snippet("JavaScript", "SQL injection", 'return db.query("SELECT * FROM {b} WHERE id = ?", [{a}]);', 'return db.query("SELECT * FROM {b} WHERE id = " + {a});', """
function find{F}(db, {a}) {{
  log("{b}");
  @
}}"""),
    _snippet("JavaScript", "null dereference", "return {b} ? {b}.name : null;", "return {b}.name;", """
function name{F}({a}, id) {{
  const {b} = {a}.find((each) => each.id === id); // may find nothing
  @
}}"""),
    _snippet("Java", "reference comparison", "return {a}.equals({b});", "return {a} == {b};", """
static boolean same{F}(String {a}, String {b}) {{
    log("{c}");
    @
}}"""),
    _snippet("Java", "null dereference", "return {b} == null ? 0 : {b}.length();", "return {b}.length();", """
static int length{F}(Map<String, String> {a}, String key) {{
    String {b} = {a}.get(key); // may be absent
    @
}}"""),
    _snippet("Java", "resource leak", "try (var {b} = Files.lines({a})) {{ return {b}.count(); }}", "return Files.lines({a}).count();", """
static long count{F}(Path {a}) throws IOException {{
    log("{c}");
    @
}}"""),
    _snippet("Java", "swallowed error", "throw new IllegalArgumentException({a}, error);", "return -1;", """
static int read{F}(String {a}) {{
    try {{
        return Integer.parseInt({a});
    }} catch (NumberFormatException error) {{
        @
    }}
}}"""),
    _snippet("Java", "SQL injection", 'var statement = db.prepareStatement("SELECT * FROM {b} WHERE name = ?"); statement.setString(1, {a});', "var statement = db.prepareStatement(\"SELECT * FROM {b} WHERE name = '\" + {a} + \"'\");", """
static ResultSet find{F}(Connection db, String {a}) throws SQLException {{
    @
    return statement.executeQuery();
}}"""),
    _snippet("Java", "off-by-one error", "for (int i = 0; i < {a}.length; i++) {{", "for (int i = 0; i <= {a}.length; i++) {{", """
static int sum{F}(int[] {a}) {{
    int {b} = 0;
    @
        {b} += {a}[i];
    }}
    return {b};
}}"""),
    _snippet("Go", "swallowed error", "return nil, err", "err = nil", """
func load{F}({a} string) ([]byte, error) {{
	data, err := os.ReadFile({a})
	if err != nil {{
		@
	}}
	return data, err
}}"""),
    _snippet("Go", "data race", "s.mu.Lock(); s.{a}[{b}]++; s.mu.Unlock()", "s.{a}[{b}]++", """
// Add{F} is called by many goroutines.
func (s *Store) Add{F}({b} string) {{
	@
}}"""),
    _snippet("Go", "resource leak", "return os.ReadFile({a})", "if file, err := os.Open({a}); err == nil {{ return io.ReadAll(file) }}; return nil, errMissing", """
func load{F}({a} string) ([]byte, error) {{
	log.Println("{b}")
	@
}}"""),
    _snippet("Go", "SQL injection", 'return db.Query("SELECT * FROM {b} WHERE name = ?", {a})', "return db.Query(\"SELECT * FROM {b} WHERE name = '\" + {a} + \"'\")", """
func find{F}(db *sql.DB, {a} string) (*sql.Rows, error) {{
	log.Println("{b}")
	@
}}"""),
    _snippet("Go", "null dereference", "if {b} != nil {{", "if {b}.Size > 0 {{", """
func size{F}({a} map[string]*Entry, key string) int {{
	{b} := {a}[key] // nil where the key is absent
	@
		return {b}.Size
	}}
	return 0
}}"""),
    _snippet("Go", "off-by-one error", "for i := 0; i < len({a}); i++ {{", "for i := 0; i <= len({a}); i++ {{", """
func sum{F}({a} []int) int {{
	{b} := 0
	@
		{b} += {a}[i]
	}}
	return {b}
}}"""),
)  # fmt: skip
LANGUAGES = ("Go", "Java", "JavaScript", "Python")
_ASK = (
    "Review this {l} code: at most one defect. Name it and its line.", "Is there a defect in this {l} file? If so, which, and on what line?", "Code review, {l}: say what is wrong and where, or that nothing is.", "Look over the {l} below. One line may be wrong; which, and why?",
    "Please review. Language {l}. Defect and line number, if any.", "What would you object to in this {l} change, and at which line?", "Find the bug or the security problem in this {l} code, if there is one, with its line.", "Does this {l} pass review? If not, name line and problem.",
    "Point to the faulty line in this {l} code, or approve it.", "As a reviewer of {l}: is everything in order here? Otherwise give line and defect.",
)  # fmt: skip
_CLEAN = "No defect found."


def draw_code_review(phraser: Phraser) -> Draft:
    """A file of one to three functions with one defect, or, one time in five, with none."""
    rng = phraser.rng
    language = rng.choice(LANGUAGES)
    known = [snippet for snippet in SNIPPETS if snippet.language == language]
    parts = rng.sample(known, rng.randint(1, 3))
    defective = rng.choice(parts) if rng.random() < 0.8 else None
    lines: list[str] = []
    found = 0
    for part in parts:
        names = _invent_names(rng)
        for line in part.lines:
            is_bad = part is defective and line == part.good
            lines.append((part.bad if is_bad else line).format(**names))
            found = len(lines) if is_bad else found
        lines.append("")
    code = "\n".join(f"{number} {line}".rstrip() for number, line in enumerate(lines[:-1], start=1))
    question = f"{phraser.pick('review.ask', _ASK).format(l=language)}\n```{language.lower()}\n{code}\n```"
    source = f"review/{language}/{','.join(str(SNIPPETS.index(part)) for part in parts)}"
    if defective is None:
        expected = FactAnswer(required=(("no defect",),))
        return Draft("review_clean", question, _CLEAN, expected, source=f"{source}/clean", prompt="chat")
    answer = f"Line {found}: {defective.defect}, as {defective.reason}."
    expected = FactAnswer(required=((f"line {found}",), (defective.defect,)), forbidden=("no defect",))
    source = f"{source}/{parts.index(defective)}"
    return Draft("review_defect", question, answer, expected, source=source, prompt="chat")


def _invent_names(rng: random.Random) -> dict[str, object]:
    f, a, b, c, g = invent_identifiers(rng, 5)
    return {"f": f, "a": a, "b": b, "c": c, "F": f.capitalize(), "G": g.capitalize(), "n": rng.randint(3, 64)}
