"""Grey-box audit of a function's privacy claim, from recorded runs replayed on neighbours."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import numpy as np

from trivet.privacy.adjacency import Adjacency
from trivet.privacy.code.claims import Claims
from trivet.privacy.code.judging import judge
from trivet.privacy.code.loss import path_loss
from trivet.privacy.code.neighbours import Bounds, Neighbour, neighbours_of, rows_of
from trivet.privacy.code.pairs import NOT_FINITE, SAME, Part, PathLoss
from trivet.privacy.code.results import CodeAudit, CodeFinding, CodeSettings, NoiseCall
from trivet.privacy.code.running import COVERED, Run, differences, require_run, run
from trivet.privacy.code.tape import NO_NOISE, Diverged, Draw, Tape
from trivet.privacy.mechanism.bounds import epsilon_bounds, fewest_trials
from trivet.verdict import CONSISTENT, UNKNOWN, VIOLATES
from trivet.wording import noise_name, one_line
from trivet.work.own_code import load_function, name_of

__all__ = ["audit_code"]

#: How often at most fresh runs whose answers differ in form may accuse code that keeps its claim.
_FORM_ERROR: Final = 1e-6
_MOST_FORMS: Final = 2_000
#: Relative difference that rounding in single precision explains.
_SINGLE: Final = 1e-5
#: Times that an answer without noise has to come again.
_CONFIRMED: Final = 3
#: Findings and unfollowed uses that a result lists.
_MOST_LISTED: Final = 20


def audit_code(
    function: str | Callable[[Any], Any],
    data: Any,
    *,
    epsilon: float,
    delta: float = CodeSettings.delta,
    neighbour: Any = None,
    adjacency: Adjacency | str = CodeSettings.adjacency,
    bounds: Bounds | tuple[float, float] | None = None,
    neighbours: int = CodeSettings.neighbours,
    runs: int = CodeSettings.runs,
    seconds: float = CodeSettings.seconds,
    seed: int = CodeSettings.seed,
    name: str | None = None,
    said: str | None = None,
    progress: Callable[[str, float | None], None] | None = None,
) -> CodeAudit:
    """Record code that adds noise, replay it on neighbouring data, and compare its loss with its claim.

    Each draw of noise is recorded with the value that it is added to. On a neighbour the code gets the same
    noisy values again, so that it takes the same path, and what the noise is added to shows the true
    sensitivity; with the densities of the noise that is the privacy loss of the path. Nothing is estimated,
    with one exception: where a claim has a delta and answers differ in form, fresh runs decide, at an error
    of 1e-6. The method is that of Cebere et al. (arXiv 2602.17454).

    Parameters
    ----------
    function
        Takes the data and returns the answer. A text names it, as ``package.module:function`` or
        ``script.py:function``.
    data
        Rows: a list, an array of shape (rows, ...), a pandas data frame, or a tuple of these side by side.
        With `neighbour`, anything.
    epsilon, delta
        The claim of the whole answer; above 0, and in [0, 1).
    neighbour
        The one data set to replay on; where None, neighbours are made from the data.
    adjacency
        ``add-remove`` or ``replace-one``.
    bounds
        Lowest and highest value of a column by its name or number, or of all; rows of neighbours stay within
        them. Without bounds a row may hold anything.
    neighbours, runs
        How many neighbours to replay on, and how many runs to record.
    seconds
        After this time no further neighbour is tried.
    seed
        Seed of the order of the neighbours; the noise is the code's own.
    name, said
        What the result calls the code and the data.
    progress
        Called with a step's name and its finished share.

    Returns
    -------
    CodeAudit
        The verdict, each place that draws noise, and what contradicts the claim.

    Raises
    ------
    UsageError
        A number is out of range, the code fails on the data, or the data has no rows.
    """
    CodeSettings.require(
        epsilon=epsilon, delta=delta, neighbours=neighbours, runs=runs, seconds=seconds, seed=seed
    )
    relation = Adjacency(adjacency)
    called = name or (function if isinstance(function, str) else name_of(function))
    if isinstance(function, str):
        function = load_function(function, role="code")
    audit = _Audit(function, called, epsilon, delta)
    limits = {None: bounds} if isinstance(bounds, tuple) else bounds
    report = progress or (lambda _step, _share: None)
    end = monotonic() + seconds
    for number in range(runs):
        report("recording a run", number / runs)
        if not audit.record(data) and number == 0:
            break
        if neighbour is not None:
            found: Iterable[Neighbour] = [Neighbour(neighbour, "the other input", None)]
        else:
            generator = np.random.default_rng([seed, number])
            found = neighbours_of(
                data, adjacency=relation, bounds=limits, most=neighbours, generator=generator
            )
        for place, each in enumerate(found):
            if monotonic() > end:
                audit.notes.append(f"the time of {seconds:g} s was used up")
                break
            report("replaying on neighbours", (number + place / neighbours) / runs)
            audit.replay(each)
    return audit.result(
        adjacency="" if neighbour is not None else relation.value,
        data=said or one_line(repr(data)),
        rows=None if neighbour is not None else rows_of(data),
        seed=seed,
    )


@dataclass
class _Seen:
    """Findings about one place that draws noise."""

    draw: Draw
    count: int = 0
    scale: float | None = None
    moved: float | None = None
    spent: float | None = None
    claimed: float | None = None
    neighbour: str = ""


@dataclass
class _Audit:
    function: Callable[[Any], Any]
    name: str
    epsilon: float
    delta: float
    last: Run | None = None
    data: Any = None
    recorded: int = 0
    replayed: int = 0
    failed: int = 0
    drawn: bool = False
    worst: float = 0.0
    unlimited: bool = False
    sites: dict[tuple[str, str], _Seen] = field(default_factory=dict)
    findings: dict[tuple[str, str, bool], CodeFinding] = field(default_factory=dict)
    not_followed: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    fixed_forms: dict[str, bool] = field(default_factory=dict)
    tried: bool = False

    def record(self, data: Any) -> bool:
        """Record a run, and check that the same data gives the same again; False where it does not."""
        made = require_run(run(self.function, data), self.name, data)
        self.last, self.data = made, data
        self.recorded += 1
        tape = made.tape
        noise = any(draw.call.family not in NO_NOISE for draw in tape.draws)
        self.drawn = self.drawn or noise or any(event.kind == "choice" for event in tape.events)
        for draw in tape.draws:
            if draw.call.family not in NO_NOISE:
                seen = self.sites.setdefault((draw.site, draw.call.family), _Seen(draw))
                seen.count += draw.count if self.recorded == 1 else 0
                self._scale_of(seen, draw, tape)
        for kind in dict.fromkeys(made.foreign):
            self._unfollowed(f"the answer holds a {kind}, which is not compared")
        try:
            again = run(self.function, data, recorded=tape)
        except Diverged as left:
            self._unfollowed(f"the code does not run the same way twice: {left.difference} at {left.site}")
            return False
        if why := again.error or differences(made, again, SAME):
            self._unfollowed(f"something random is not recorded: with the same noise and data {why}")
            return False
        return True

    def _scale_of(self, seen: _Seen, draw: Draw, tape: Tape) -> None:
        scales = [
            tape.units[c] for c in range(draw.start, draw.start + min(draw.count, 1000)) if c in tape.units
        ]
        if scales and (seen.scale is None or min(scales) < seen.scale):
            seen.scale = min(scales)
        claimed = [each.sensitivity for each in draw.claims if each.sensitivity is not None][-1:]
        claimed += [draw.call.sensitivity] if draw.call.sensitivity is not None else []
        if claimed:
            seen.claimed = min([*claimed, *([] if seen.claimed is None else [seen.claimed])])

    def replay(self, neighbour: Neighbour) -> None:
        """Replay the last run on a neighbour, and take down what contradicts the claim."""
        assert self.last is not None
        record = self.last
        try:
            made = run(self.function, neighbour.data, recorded=record.tape, shift=neighbour.shift)
        except Diverged as left:
            self.replayed += 1
            self._diverged(left, neighbour)
            return
        if made.error:
            self.failed += 1
            self.notes.append(f"the code fails {neighbour.words}: {made.error}")
            return
        self.replayed += 1
        loss = path_loss(record.tape, made.tape)
        self._moved(loss, record.tape, neighbour)
        if said := differences(record, made, SAME):
            message = f"With the same noisy values the answer depends on the data: {said}."
            times = _CONFIRMED if self.drawn else self._enough()
            sure = times is not None and not loss.hidden and self._again(record, made, neighbour, times)
            self._find("answer", "the answer", message, violates=sure, neighbour=neighbour)
            self.unlimited = self.unlimited or sure
            if not sure and loss.hidden:
                self._unfollowed(f"randomness is used in a way that is not followed at {loss.hidden[0]}")
        self._judge(loss, record.tape, neighbour)

    def _enough(self) -> int | None:
        """Return how often equal answers refute a claim where no noise is recorded; None after one trial."""
        tried, self.tried = self.tried, True
        if tried and ("answer", "the answer", True) not in self.findings:
            return None
        return fewest_trials(self.epsilon, level=_FORM_ERROR / 2, delta=self.delta, most=_MOST_FORMS)

    def _again(self, record: Run, made: Run, neighbour: Neighbour, times: int) -> bool:
        """Tell whether both answers come again, so that nothing random is in them that is not recorded."""
        key = ("answer", "the answer", True)
        if key in self.findings:
            return True
        tape = record.tape
        for data, shift, before in ((self.data, None, record), (neighbour.data, neighbour.shift, made)):
            for _ in range(times):
                try:
                    found = run(self.function, data, recorded=tape, shift=shift)
                except Diverged:
                    return False
                if found.error or differences(before, found, SAME):
                    self._unfollowed("something random is not recorded: the same noise gives other answers")
                    return False
        return True

    def _moved(self, loss: PathLoss, tape: Tape, neighbour: Neighbour) -> None:
        for number, (l1, l2) in loss.moved.items():
            draw = tape.draws[number]
            size = l2 if draw.call.family == "normal" else l1
            seen = self.sites.get((draw.site, draw.call.family))
            if seen is None or not size:
                continue
            scale = tape.units.get(draw.start)
            spent = size / scale if scale else None
            if seen.moved is None or size > seen.moved:
                seen.moved, seen.neighbour = size, neighbour.words
            if spent is not None and (seen.spent is None or spent > seen.spent):
                seen.spent = spent
            claimed = [each.sensitivity for each in draw.claims if each.sensitivity is not None][-1:]
            claimed += [draw.call.sensitivity] if draw.call.sensitivity is not None else []
            for claim in claimed:
                if size > claim * (1 + _slack(tape)):
                    ratio = f"{size / claim:.3g} times as much" if claim else "more"
                    message = (
                        f"One record moves what {draw.call.family} noise is added to by {size:.6g}, which is "
                        f"{ratio} as the sensitivity that is claimed, {claim:.6g}."
                    ).replace("more as", "more than")
                    self._find(
                        "sensitivity",
                        draw.site,
                        message,
                        violates=True,
                        claimed=claim,
                        seen=size,
                        neighbour=neighbour,
                    )

    def _judge(self, loss: PathLoss, tape: Tape, neighbour: Neighbour) -> None:
        parts = [part for part in loss.parts if part.kind == "unknown" or part.words or part.amount]
        slack = _slack(tape)
        found = judge(parts, epsilon=self.epsilon, delta=self.delta, slack=slack)
        if found.outcome == "exceeds":
            sure = not loss.hidden
            self.unlimited = self.unlimited or (sure and found.epsilon is None)
            site = found.cause.site if found.cause is not None else "the whole"
            message = f"Along this path {found.words}, and {self.epsilon:g} is claimed"
            message += f" at a delta of {self.delta:g}." if self.delta else "."
            if not sure:
                message += " Which rows were chosen at random is taken as known: no amplification is counted."
                self._unfollowed(f"randomness is used in a way that is not followed at {loss.hidden[0]}")
            kind = "input" if found.words == NOT_FINITE else "loss"
            self._find(
                kind,
                site,
                message,
                violates=sure,
                claimed=self.epsilon,
                seen=found.epsilon,
                neighbour=neighbour,
            )
        elif found.outcome == "unknown":
            site = f" at {found.cause.site}" if found.cause is not None else ""
            self._unfollowed(f"{found.words}{site}")
        if found.epsilon is not None:
            self.worst = max(self.worst, found.epsilon)
        for claim, inside in _by_claim(parts, tape).items():
            self._judge_claim(claim, inside, loss, neighbour)

    def _judge_claim(self, claim: Claims, parts: list[Part], loss: PathLoss, neighbour: Neighbour) -> None:
        assert claim.epsilon is not None
        slack = _slack(self.last.tape) if self.last is not None else SAME
        found = judge(parts, epsilon=claim.epsilon, delta=self.delta, slack=slack)
        if found.outcome == "exceeds" and found.cause is not None:
            message = f"Of the noise in `claims` {found.words}, and {claim.epsilon:g} is claimed of it."
            sure = not loss.hidden
            self._find(
                "loss",
                found.cause.site,
                message,
                violates=sure,
                claimed=claim.epsilon,
                seen=found.epsilon,
                neighbour=neighbour,
            )

    def _diverged(self, left: Diverged, neighbour: Neighbour) -> None:
        message = f"On the neighbour the code {left.difference}, with the same noisy values before."
        if left.chosen:
            self._unfollowed(f"which rows are chosen at random cannot be repeated: {left.difference}")
            self._find("structure", left.site, message, violates=False, neighbour=neighbour)
            return
        sure = self.delta == 0 or self._forms_differ(left, neighbour)
        if not sure:
            self._unfollowed(
                f"noise depends on the data, for which delta may or may not allow, at {left.site}"
            )
        self.unlimited = self.unlimited or sure
        self._find("structure", left.site, message, violates=sure, neighbour=neighbour)

    def _forms_differ(self, left: Diverged, neighbour: Neighbour) -> bool:
        """Tell whether the form of fresh answers alone shows which data they are of, beyond delta."""
        if left.site not in self.fixed_forms:
            level = _FORM_ERROR / 2
            trials = fewest_trials(self.epsilon, level=level, delta=self.delta, most=_MOST_FORMS)
            self.fixed_forms[left.site] = trials is not None and self._refutes(neighbour.data, trials, level)
        return self.fixed_forms[left.site]

    def _refutes(self, data: Any, trials: int, level: float) -> bool:
        forms: list[list[frozenset[Any]]] = []
        for side in (self.data, data):
            made = (run(self.function, side) for _ in range(trials))
            forms.append([frozenset(each.answer) if not each.error else frozenset() for each in made])
        form = forms[0][0]
        counts = [side.count(form) for side in forms]
        both = (counts, [trials - count for count in counts][::-1])
        return any(
            float(epsilon_bounds(p, q, trials, level=level, delta=self.delta)) > self.epsilon for p, q in both
        )

    def _find(
        self,
        kind: str,
        site: str,
        message: str,
        *,
        violates: bool,
        neighbour: Neighbour,
        claimed: float | None = None,
        seen: float | None = None,
    ) -> None:
        """Keep the worst finding of each kind and place."""
        key = (kind, site, violates)
        before = self.findings.get(key)
        worse = before is None or (before.seen is not None and (seen is None or seen > before.seen))
        if worse:
            self.findings[key] = CodeFinding(
                kind=kind,
                violates=violates,
                site=site,
                message=message,
                claimed=claimed,
                seen=seen,
                neighbour=neighbour.words,
            )

    def _unfollowed(self, words: str) -> None:
        self.not_followed.setdefault(words)

    def result(self, *, adjacency: str, data: str, rows: int | None, seed: int) -> CodeAudit:
        """Put the result together."""
        findings = sorted(self.findings.values(), key=lambda each: (not each.violates, _rank(each)))
        violated = [each for each in findings if each.violates]
        if not self.drawn:
            self._unfollowed(f"no noise was drawn by what is recorded: {COVERED}")
        elif not self.replayed and not self.not_followed:
            self._unfollowed("the code failed on every neighbour")
        verdict = VIOLATES if violated else UNKNOWN if self.not_followed else CONSISTENT
        seen = None if self.unlimited or self.not_followed else self.worst
        return CodeAudit(
            name=self.name,
            epsilon=self.epsilon,
            delta=self.delta,
            adjacency=adjacency,
            data=data,
            rows=rows,
            runs=self.recorded,
            neighbours=self.replayed,
            failed=self.failed,
            seed=seed,
            verdict=verdict,
            epsilon_seen=seen,
            calls=tuple(_call(each) for each in self.sites.values()),
            findings=tuple(findings[:_MOST_LISTED]),
            not_followed=tuple(self.not_followed)[:_MOST_LISTED],
            notes=tuple(self._remarks()),
            reason=self._reason(verdict, violated, seen),
            limits=self._limits(),
        )

    def _remarks(self) -> Iterator[str]:
        floats = [
            each.draw
            for each in self.sites.values()
            if each.draw.call.family in {"laplace", "normal"} and each.draw.call.source in _FLOATS
        ]
        if floats:
            yield (
                f"{noise_name(floats[0].call.family)} noise of {floats[0].call.source} is a floating-point "
                "number, whose low bits can betray what it is added to (Mironov 2012); OpenDP's cannot."
            )
        yield from dict.fromkeys(self.notes[:_MOST_LISTED])

    def _reason(self, verdict: str, violated: list[CodeFinding], seen: float | None) -> str:
        if violated:
            first = violated[0]
            return f"{first.site}: {first.message} Neighbour: {first.neighbour}."
        if verdict == UNKNOWN:
            return f"Not everything was followed: {next(iter(self.not_followed))}."
        claim = f"epsilon {self.epsilon:g}" + (f", delta {self.delta:g}" if self.delta else "")
        return f"The paths need an epsilon of {seen or 0.0:.4g} at most, within the claimed {claim}."

    def _limits(self) -> str:
        return (
            f"{self.recorded} recorded run{'s'[: self.recorded != 1]}, {self.replayed} replays on neighbours"
            + (f", {self.failed} on which the code failed" if self.failed else "")
            + ". Other data, neighbours and paths may spend more; each call counts at its worst answer, and "
            "whether the noise has the stated distribution is not tested."
        )


#: Sources whose noise is a floating-point number as it comes.
_FLOATS: Final = frozenset({"numpy", "random", "scipy", "torch", "diffprivlib"})
_KINDS: Final = ("sensitivity", "loss", "answer", "structure", "input")


def _rank(finding: CodeFinding) -> tuple[int, float]:
    return _KINDS.index(finding.kind), -(finding.seen or math.inf)


def _slack(tape: Tape) -> float:
    """Relative difference that rounding explains: of PyTorch in single precision."""
    return _SINGLE if any(draw.call.source == "torch" for draw in tape.draws) else SAME


def _call(seen: _Seen) -> NoiseCall:
    return NoiseCall(
        site=seen.draw.site,
        family=seen.draw.call.family,
        draws=seen.count,
        scale=seen.scale,
        seen=seen.moved if seen.moved is not None or seen.scale is None else 0.0,
        spent=seen.spent if seen.spent is not None or seen.scale is None else 0.0,
        claimed=seen.claimed,
        neighbour=seen.neighbour,
    )


def _by_claim(parts: list[Part], tape: Tape) -> dict[Claims, list[Part]]:
    """Return the parts whose draws all lie within each claim of an epsilon."""
    found: dict[Claims, list[Part]] = {}
    for part in parts:
        within = [set(tape.draws[number].claims) for number in part.draws]
        for claim in set.intersection(*within) if within else ():
            if claim.epsilon is not None:
                found.setdefault(claim, []).append(part)
    return found
