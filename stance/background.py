"""Work that goes on beside other work, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Begin the work; gives a function that waits for its result, or raises what it raised.

    It pays where the work leaves the interpreter to others, as hashing does. Where no thread can be had, the work is
    done when the result is asked for.
    """
    found: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return work

    def result() -> T:
        thread.join()
        if raised:
            raise raised[0]
        return found[0]

    return result
