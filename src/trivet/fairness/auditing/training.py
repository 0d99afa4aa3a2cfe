"""Every model of a comparison, trained on processes or in this one."""

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from trivet.errors import TrivetError
from trivet.fairness.auditing.fitting import Fitted, Plan, fit_and_predict
from trivet.work.worker_pool import WorkerPool

__all__ = ["Task", "train_all"]

#: A mitigation, and the number of the repeat.
Task = tuple[str, int]

_held: list[Plan] = []


def train_all(
    plan: Plan, tasks: Sequence[Task], *, workers: int, progress: Callable[[float], object]
) -> dict[Task, Fitted]:
    """Train a model for each task; what comes out does not depend on the number of processes."""
    done: dict[Task, Fitted] = {}
    if workers == 1:
        for task in tasks:
            done[task] = fit_and_predict(plan, *task)
            progress(len(done) / len(tasks))
        return done
    with WorkerPool(min(workers, len(tasks)), initializer=partial(_hold, plan)) as pool:
        flying = {pool.submit(_train_held, *task): task for task in tasks}
        for future in as_completed(flying):
            try:
                done[flying[future]] = future.result()
            except BrokenProcessPool as error:
                raise TrivetError(
                    f"a worker process was lost while {len(tasks)} models were trained; memory may have run "
                    "out. Try fewer --workers or fewer --rows."
                ) from error
            progress(len(done) / len(tasks))
    return done


def _hold(plan: Plan) -> None:
    """Keep what the tasks of this process share, so that it comes over once."""
    _held.append(plan)


def _train_held(mitigation: str, repeat: int) -> Fitted:
    return fit_and_predict(_held[-1], mitigation, repeat)
