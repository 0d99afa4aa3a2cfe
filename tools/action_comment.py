"""Keep one comment on a pull request up to date with the findings of the last audit.

    python tools/action_comment.py trivet-out/findings.md

The action runs it, with these variables: ``REPOSITORY`` and ``NUMBER`` of the pull request, ``NAME`` of the
audit, ``CODE`` that it ended with, ``RUN_URL`` of the log, ``GH_TOKEN``. A comment that this wrote begins
with a marker of the name, and is written anew instead of another one being added. Whatever happens here is
a warning: the audit decides whether the gate fails, and not the comment.
"""

import json
import os
import re
import stat
import subprocess
import sys
from typing import Any

#: GitHub refuses a longer comment.
MOST_CHARACTERS = 65_536
MOST_BYTES = 16 * 2**20
ROOM = 1_000
SECONDS = 60
#: The author of what a workflow's own token writes.
ACTIONS = "github-actions[bot]"
#: The last exit code of a finished audit; beyond it there is no verdict.
BREACHED = 1


def marker_of(name: str) -> str:
    """Return the hidden first line of the comment, in which no name can close the HTML comment."""
    return f"<!-- trivet:{re.sub(r'[^A-Za-z0-9_./]+', '-', name)[:200]} -->"


def body_of(name: str, findings: str | None, code: str, url: str) -> str:
    """Return the whole comment; without a finished audit it says that there is no verdict."""
    if findings is None:
        ended = f"exit code {code}" if code.isdecimal() else "before the audit began"
        said = (
            f"## trivet: no verdict\n\nThe audit could not be done ({ended}), so nothing is known of this "
            "change."
        )
    else:
        said = shortened(findings.strip(), MOST_CHARACTERS - ROOM)
    link = f"\n\n[Log and report]({url})" if re.fullmatch(r"https://[\w./:-]+", url) else ""
    return f"{marker_of(name)}\n{said}{link}\n"


def shortened(text: str, most: int) -> str:
    """Cut a text after a paragraph, and close what is folded."""
    if len(text) <= most:
        return text
    kept = text[:most].rpartition("\n\n")[0]
    kept += "\n\n</details>" * (kept.count("<details>") - kept.count("</details>"))
    return f"{kept}\n\nThe rest is in the summary of the job."


def read_findings(path: str) -> str:
    """Read a file that is not behind a link, and no more of it than a comment could need."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(number, "rb") as stream:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(f"{path} is not a file")
        return stream.read(MOST_BYTES).decode("utf-8", "replace")


def call(*arguments: str, body: str | None = None) -> str:
    """Ask GitHub through its own command line; what it answers is returned."""
    host = os.environ.get("GITHUB_SERVER_URL", "https://github.com").removeprefix("https://")
    done = subprocess.run(
        ["gh", "api", *arguments, *(() if body is None else ("--input", "-"))],
        input="" if body is None else json.dumps({"body": body}),
        env={**os.environ, "GH_HOST": host, "GH_ENTERPRISE_TOKEN": os.environ.get("GH_TOKEN", "")},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=SECONDS,
        check=True,
    )
    return done.stdout


def documents(text: str) -> list[Any]:
    """Parse JSON documents that follow each other, as pages of a list do."""
    found: list[Any] = []
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found += document if isinstance(document, list) else [document]
        text = text[end:]
    return found


def earlier(comments: list[Any], marker: str, author: str) -> int | None:
    """Return the number of our own comment; one that somebody else began in the same way is not."""
    for comment in comments:
        user = comment.get("user") or {}
        own = user.get("login") == author or user.get("type") == "Bot"
        if own and str(comment.get("body", "")).startswith(marker):
            return int(comment["id"])
    return None


def author() -> str:
    """Return whom the token belongs to; a workflow's own may not ask."""
    try:
        return str(json.loads(call("user"))["login"])
    except (subprocess.CalledProcessError, ValueError, KeyError):
        return ACTIONS


def write_comment(path: str) -> str:
    """Write the comment, or write it anew; return which."""
    repository, number = os.environ["REPOSITORY"], os.environ["NUMBER"]
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository) or not number.isdecimal():
        return "this run belongs to no pull request"
    code = os.environ.get("CODE", "")
    finished = code.isdecimal() and int(code) <= BREACHED
    name = os.environ.get("NAME", "")
    body = body_of(name, read_findings(path) if finished else None, code, os.environ.get("RUN_URL", ""))
    base = f"repos/{repository}/issues"
    comments = documents(call("--paginate", f"{base}/{number}/comments?per_page=100"))
    known = earlier(comments, marker_of(name), author())
    if known is None:
        call("--method", "POST", f"{base}/{number}/comments", body=body)
        return "a comment was added"
    call("--method", "PATCH", f"{base}/comments/{known}", body=body)
    return "the comment was updated"


def main(path: str) -> None:
    try:
        print(write_comment(path))
    except Exception as error:  # noqa: BLE001 - the gate decides, not the comment
        said = getattr(error, "stderr", None) or f"{type(error).__name__}: {error}"
        line = " ".join(str(said).split())[-500:].replace("%", "%25")
        print(
            f"::warning title=trivet::The comment was not written: {line}. It needs the permission "
            "pull-requests, write; `comment: false` leaves it out."
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
