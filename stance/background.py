"""Work that goes on beside other work, in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_here = threading.local()


class _Job(Generic[T]):
    """Something to be done once, by whoever comes first."""

    _found: T
    _raised: BaseException | None = None

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._begun, self._open = threading.Lock(), threading.Lock()
        self._open.acquire()

    def run(self) -> None:
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._found = self._work()
        except BaseException as error:
            self._raised = error
        finally:
            self._open.release()

    def result(self) -> T:
        self.run()
        with self._open:  # until the other thread is done with it
            pass
        if self._raised is not None:
            raise self._raised
        return self._found


class _Worker:
    """A thread that does one job after the other, until it is let go and there are none left."""

    def __init__(self) -> None:
        # No queue.Queue: to import it takes longer than what a load has done here.
        self._jobs: deque[_Job[Any]] = deque()
        self._waiting = threading.Semaphore(0)
        self._started = False

    def give(self, job: _Job[Any]) -> None:
        self._jobs.append(job)
        self._waiting.release()
        if not self._started:
            with suppress(RuntimeError):  # the system gives no more threads: who asks for the result does the job
                threading.Thread(target=self._run, daemon=True).start()
                self._started = True

    def let_go(self) -> None:
        self._waiting.release()

    def _run(self) -> None:
        while self._waiting.acquire() and self._jobs:
            self._jobs.popleft().run()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, whatever this thread has done in the background is done by one other, in order.

    More threads than processors wait for each other.
    """
    before = getattr(_here, "worker", None)
    _here.worker = worker = _Worker()
    try:
        yield
    finally:
        _here.worker = before
        worker.let_go()


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Begin the work; gives a function that waits for its result, or raises what it raised.

    It pays where the work leaves the interpreter to others, as hashing does. What has not been begun when its result is
    asked for is done by who asks.
    """
    job = _Job(work)
    worker = getattr(_here, "worker", None)
    if worker is None:
        worker = _Worker()
        worker.give(job)
        worker.let_go()
    else:
        worker.give(job)
    return job.result
