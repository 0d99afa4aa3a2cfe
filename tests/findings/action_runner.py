"""A runner of composite actions: its steps in order, with stand-ins for pip and gh, and trivet itself."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PYTHON = """#!/bin/sh
if [ "$1 $2" = "-m pip" ]; then
  shift 2
  echo "$@" >> "$CALLS"
  if [ "$1" = cache ]; then echo /home/runner/.cache/pip; fi
  exit 0
fi
exec "{python}" "$@"
"""
TRIVET = '#!/bin/sh\nexec "{python}" -m trivet "$@"\n'
#: `gh api`, with the comments of one pull request in a file, two to a page.
GH = """#!{python}
import json, os, re, sys
from pathlib import Path

store = Path(os.environ["COMMENTS"])
comments = json.loads(store.read_text())
arguments = sys.argv[2:]
assert sys.argv[1] == "api" and os.environ["GH_TOKEN"] == "token"
method = arguments[arguments.index("--method") + 1] if "--method" in arguments else "GET"
path = next(each for each in arguments if re.match("repos/|user$", each))
with open(os.environ["CALLS"], "a") as calls:
    calls.write("gh " + method + " " + path + "\\n")
if path == "user":
    sys.exit("Resource not accessible by integration")
if os.environ.get("FORBIDDEN") and method != "GET":
    print("gh: Resource not accessible by integration (HTTP 403)", file=sys.stderr)
    sys.exit(1)
if method == "GET":
    for start in range(0, len(comments) or 1, 2):
        print(json.dumps(comments[start:start + 2]), end="")
    sys.exit()
body = json.load(sys.stdin)["body"]
if method == "POST":
    assert path == "repos/o/r/issues/7/comments"
    user = {"login": "github-actions[bot]", "type": "Bot"}
    comments.append({"id": len(comments) + 1, "body": body, "user": user})
else:
    number = int(path.removeprefix("repos/o/r/issues/comments/"))
    comments[number - 1]["body"] = body
store.write_text(json.dumps(comments))
"""


@dataclass
class Job:
    """What a job was given, and what its steps did."""

    folder: Path
    inputs: dict = field(default_factory=dict)
    github: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    used: dict = field(default_factory=dict)
    #: Names of steps by other actions that fail.
    refused: tuple = ()
    logs: dict = field(default_factory=dict)
    failed: int = 0

    @property
    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def comments(self):
        return json.loads((self.folder / "comments.json").read_text())


def run_action(action, job):
    """Run all steps as a runner does: after a failure only those that say so."""
    bin_folder = job.folder / "bin"
    bin_folder.mkdir(exist_ok=True)
    for name, text in (("python", PYTHON), ("trivet", TRIVET), ("gh", GH)):
        path = bin_folder / name
        path.write_text(text.replace("{python}", sys.executable))
        path.chmod(0o755)
    if not (job.folder / "comments.json").exists():
        (job.folder / "comments.json").write_text("[]")
    given = {name: each["default"] for name, each in action["inputs"].items()} | job.inputs
    for step in action["runs"]["steps"]:
        values = {
            **{f"inputs.{name}": value for name, value in given.items()},
            **{f"github.{name}": value for name, value in job.github.items()},
            **{f"steps.{name}": value for name, value in job.outputs.items()},
            "runner.os": "Linux",
            "runner.arch": "X64",
        }
        if wanted(step.get("if", ""), values, failed=job.failed):
            run_step(step, values, job)
    return job


def run_step(step, values, job):
    name = step.get("name", step.get("uses"))
    if "uses" in step:
        job.used[name] = {key: filled(value, values) for key, value in step.get("with", {}).items()}
        if name in job.refused:
            job.outputs[f"{step.get('id', name)}.outcome"] = "failure"
            job.failed = job.failed or int(not step.get("continue-on-error"))
        return
    output = job.folder / "output"
    output.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=job.folder,
        env={
            **os.environ,
            "PATH": f"{job.folder / 'bin'}:/usr/bin:/bin",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(job.folder / "summary"),
            "CALLS": str(job.folder / "calls"),
            "COMMENTS": str(job.folder / "comments.json"),
            **job.environment,
            **{key: filled(value, values) for key, value in step.get("env", {}).items()},
        },
        capture_output=True,
        text=True,
        check=False,
    )
    job.logs[name] = done.stdout + done.stderr
    for line in output.read_text().splitlines():
        key, _, value = line.partition("=")
        job.outputs[f"{step['id']}.outputs.{key}"] = value
    job.failed = job.failed or done.returncode


def filled(text, values):
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda match: str(values.get(match[1], "")), str(text))


def wanted(condition, values, *, failed):
    """Evaluate a condition; one that names no state of the job asks for success."""
    expression = condition.removeprefix("${{").removesuffix("}}").strip()
    states = "cancelled()" in expression or "always()" in expression
    if failed and not states:
        return False
    expression = expression.replace("!cancelled()", "True").replace("&&", " and ").replace("||", " or ")
    expression = re.sub(
        r"\b(inputs|github|steps)\.[\w.-]+", lambda match: repr(str(values.get(match[0], ""))), expression
    )
    return bool(eval(expression or "True", {"__builtins__": {}}))
