"""A process that releases a count again and again and prints the entry of each answer.

    release_in_a_loop.py at-once TABLE LEDGER PRICE MANY TRIES    waits for a line, then tries so often
    release_in_a_loop.py killed TABLE LEDGER PRICE MANY KILLS     forks, and kills each fork at some time

PRICE is an epsilon, or "rho R", and MANY counts are charged at once. It prints one JSON document in the end.
"""

import json
import os
import random
import select
import signal
import sys
import time

from trivet.errors import UsageError
from trivet.privacy.releases.ledger import open_ledger
from trivet.privacy.releases.releasing import Priced, release_all
from trivet.privacy.releases.settings import Question


def entries(table, ledger, price, many):
    """Answer some counts, and return their entries."""
    name, _, amount = price.rpartition(" ")
    one = Priced(Question(query="count"), **{name or "epsilon": amount})
    return [answer.receipt.entry for answer in release_all(table, [one] * int(many), ledger=ledger)]


def at_once(table, ledger, price, many, tries):
    say("ready")
    sys.stdin.readline()
    answers, refused = [], 0
    for _ in range(tries):
        try:
            answers += entries(table, ledger, price, many)
        except UsageError as error:
            refused += "the ledger refuses" in str(error)
    say(json.dumps({"answers": answers, "refused": refused}))


def killed(table, ledger, price, many, kills):
    """The parent asks for nothing itself, so that what it has imported is all that a fork inherits."""
    generator = random.Random(0)
    answers, deaths = [], []
    for kill in range(kills):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            while True:
                found = " ".join(entries(table, ledger, price, many))
                os.write(write, f"{found}\n".encode())
        os.close(write)
        if kill % 3:  # a process that reads tables has to start first
            select.select([read], [], [], 60)
        time.sleep(generator.uniform(0.02, 0.3))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        deaths.append(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1)
        with os.fdopen(read, encoding="utf-8") as stream:
            answers += [entry for line in stream if line.endswith("\n") for entry in line.split()]
        open_ledger(ledger)
    say(json.dumps({"answers": answers, "deaths": deaths}))


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"at-once": at_once, "killed": killed}[sys.argv[1]](*sys.argv[2:6], int(sys.argv[6]))
