"""A conversation with a model in the terminal: questions, and commands about what was asked and answered.

As NornicDB's page does, only the current question is sent; what was said before is kept for the reader alone.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic

from cli.bifrost import Answer, Bifrost, render_answer
from cli.run import print_json
from eval.suite import AcceptedAction, SuiteLine, append_question
from heimdall.errors import DiskError, InputError, TargetError, UsageError, suggest
from heimdall.text import make_visible
from heimdall.workspace import Workspace
from nornicdb.replies import check_params, read_reply

_HELP = """\
/prompt        the exact text that was sent with the last question
/raw TEXT      send a text as it is, without NornicDB's prompt
/constrained   decode under the grammar of all actions, or freely again (NornicDB decodes freely)
/suite FILE    add the last question with its right answer to a suite of your own (JSONL)
/history       what was asked and answered so far; only the current question is ever sent
/help          this list
An empty line or Ctrl-D ends."""
_COMMANDS = ["/prompt", "/raw", "/constrained", "/suite", "/history", "/help"]
_NEEDS = {"/raw": "text", "/suite": "file"}


class Conversation:
    """Reads lines until one is empty. Answers go to stdout; with `as_json` everything else goes to stderr."""

    def __init__(self, bifrost: Bifrost, *, as_json: bool) -> None:
        self._bifrost, self._as_json = bifrost, as_json
        self._constrained = False
        self._answers: list[Answer] = []

    def run(self) -> None:
        """Talks until the input ends. A question or command that cannot be followed is explained and costs nothing."""
        self._say(f"{self._bifrost.describe()}\n/help lists the commands. An empty line or Ctrl-D ends.")
        with _keeping_lines():
            while line := self._read("> "):
                try:
                    self._follow(line)
                except (UsageError, InputError, DiskError, TargetError) as error:
                    print(f"heimdall: {error}", file=sys.stderr)

    def _follow(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        rest = rest.strip()
        if not command.startswith("/"):
            self._ask(line)
        elif command not in _COMMANDS:
            raise UsageError(f"There is no command '{command}'.{suggest(command, _COMMANDS)} /help lists them.")
        elif command in _NEEDS and not rest:
            raise UsageError(f"{command} needs a {_NEEDS[command]} behind it; /help lists the commands.")
        elif command not in _NEEDS and rest:
            raise UsageError(f"{command} takes nothing behind it; /help lists the commands.")
        elif command == "/raw":
            self._ask(rest, raw=True)
        elif command == "/suite":
            self._extend(Path(rest).expanduser())
        elif command == "/constrained":
            self._constrained = not self._constrained
            self._say("Decoding under the grammar." if self._constrained else "Decoding freely, as NornicDB does.")
        elif command == "/prompt":
            last = self._find_last()
            self._say(make_visible(self._bifrost.render(last.question, raw=last.prompt == "raw")))
        elif command == "/history":
            for number, answer in enumerate(self._answers, start=1):
                self._say(make_visible(f"{number}  {answer.question}\n   {answer.reply}"))
        else:
            self._say(_HELP)

    def _ask(self, question: str, *, raw: bool = False) -> None:
        answer = self._bifrost.ask(question, raw=raw, constrained=self._constrained)
        self._answers.append(answer)
        print_json(answer) if self._as_json else print(render_answer(answer))

    def _extend(self, path: Path) -> None:
        """Adds the last question to a suite, with the answer that is typed or, on an empty line, with the reply."""
        last = self._find_last()
        if last.prompt == "raw":
            raise UsageError("A suite is asked under NornicDB's prompt; ask the question without /raw first.")
        self._say(
            f"{make_visible(last.question)}\nRight answer: Cypher, or an action as JSON. "
            "An empty line takes the reply as it is; Ctrl-D adds nothing."
        )
        typed = self._read("right answer> ")
        if typed is None:
            self._say("Nothing was added.")
            return
        if not typed and last.parsed.action is None:
            raise InputError(
                f"Nothing was added: the reply is no action ({last.parsed.problem}); type the right answer."
            )
        count = append_question(path, self._make_line(last.question, typed or last.reply), self._bifrost.contract)
        self._say(f"Added; '{path}' holds {count} questions.")

    def _make_line(self, question: str, answer: str) -> SuiteLine:
        """A suite's line from an answer as a person or the model writes it."""
        fields: dict[str, Any] = {"question": question}
        reply = read_reply(answer, self._bifrost.contract)
        if not reply.json_valid and not answer.startswith("{"):
            fields["cypher"] = answer
        else:
            if problem := check_params(reply, self._bifrost.contract):
                raise InputError(f"Nothing was added: {problem}")
            if reply.action == self._bifrost.contract.query_action:
                fields["cypher"] = reply.params["cypher"]
            else:
                fields["actions"] = (AcceptedAction(action=str(reply.action), params=reply.params),)
        try:
            return SuiteLine.model_validate(fields)
        except pydantic.ValidationError as error:
            raise InputError(f"Nothing was added: {error.errors(include_url=False)[0]['msg']}.") from error

    def _find_last(self) -> Answer:
        if not self._answers:
            raise UsageError("Nothing was asked yet.")
        return self._answers[-1]

    def _read(self, prompt: str) -> str | None:
        """A line without the space around it; None where the input ends."""
        try:
            return input("" if self._as_json else prompt).strip()
        except EOFError:
            return None

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr if self._as_json else sys.stdout)


@contextlib.contextmanager
def _keeping_lines() -> Iterator[None]:
    """In a terminal, up and down bring earlier lines back, also those of earlier conversations in this workspace."""
    home = Workspace().home
    file = home / "chat_history"
    try:
        import readline
    except ImportError:  # not every Python has it
        readline = None  # type: ignore[assignment]
    if readline is None or not sys.stdin.isatty():
        yield
        return
    with contextlib.suppress(OSError):  # there is none yet; lines are a convenience, and no reason not to talk
        readline.read_history_file(file)
    readline.set_history_length(1000)
    try:
        yield
    finally:
        if home.is_dir():  # a command that only asks makes no workspace
            with contextlib.suppress(OSError):
                readline.write_history_file(file)
