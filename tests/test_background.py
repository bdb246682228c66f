"""Work beside other work: its result or its error comes when asked for."""

import threading

import pytest

from stance.background import in_background


def test_work_is_done_in_another_thread() -> None:
    assert in_background(threading.get_ident)() != threading.get_ident()


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    result = in_background(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        result()


def test_where_there_can_be_no_threads_the_work_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert in_background(threading.get_ident)() == threading.get_ident()
