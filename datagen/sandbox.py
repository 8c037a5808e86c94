"""Runs the small programs that rows are made of, in processes of their own, to see what they return.

Only code that a generator here has composed is run, never a model's nor a repository's. A process has a memory limit
and no environment; one that does not answer in time is killed.
"""

import atexit
import json
import select
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from typing import Any

_TIMEOUT = 20.0  # seconds for one request, on a machine that is busy
_PYTHON = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
for line in sys.stdin:
    code, expression = json.loads(line)
    names = {}
    try:
        exec(code, names)
        reply = {"value": eval(expression, names)}
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
"""
_NODE = """
const vm = require("vm");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [code, expression] = JSON.parse(line);
  let reply;
  try {
    const value = vm.runInNewContext(code + ";\\n" + expression, { assert: require("assert") }, { timeout: 5000 });
    reply = { value: value === undefined ? null : value };
  } catch (error) {
    reply = { error: String(error) };
  }
  console.log(JSON.stringify(reply));
});
"""


class SandboxError(Exception):
    """A program failed where it must not: a fault of the generator."""


class _Sandbox:
    """A process that runs one program per line of its input."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={},
            cwd=tempfile.gettempdir(),
        )  # fmt: skip
        atexit.register(self.close)

    def run(self, code: str, expression: str) -> Any:
        """The value of an expression after the code. Raises `SandboxError` for a program that fails or never ends."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([code, expression]) + "\n")
        stdin.flush()
        if not select.select([stdout], [], [], _TIMEOUT)[0]:
            self.close()
            raise SandboxError(f"no answer in {_TIMEOUT:g} s: {expression}\n{code}")
        reply = json.loads(stdout.readline() or '{"error": "the process died"}')
        if "error" in reply:
            raise SandboxError(f"{reply['error']}: {expression}\n{code}")
        return reply["value"]

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


@cache
def _start_python() -> _Sandbox:
    return _Sandbox([sys.executable, "-I", "-S", "-c", _PYTHON])


@cache
def _start_node() -> _Sandbox | None:
    node = shutil.which("node")
    return None if node is None else _Sandbox([node, "--max-old-space-size=256", "-e", _NODE])


def run_python(code: str, expression: str) -> Any:
    """The value, as JSON knows it, of a Python expression after the code. Raises `SandboxError`."""
    return _start_python().run(code, expression)


def has_node() -> bool:
    """Whether JavaScript can be run on this machine."""
    return shutil.which("node") is not None


def run_javascript(code: str, expression: str) -> Any:
    """Like `run_python` for JavaScript; only where `has_node`. The code finds Node's `assert` under that name."""
    sandbox = _start_node()
    if sandbox is None:
        raise SandboxError("there is no node on the path")
    return sandbox.run(code, expression)
