"""Work beside other work: its result or its error comes when asked for."""

import threading

import pytest

from stance.background import in_background, one_thread


def test_work_is_done_in_another_thread() -> None:
    begun = threading.Event()

    def work() -> int:
        begun.set()
        return threading.get_ident()

    result = in_background(work)
    assert begun.wait(60)
    assert result() != threading.get_ident()


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    result = in_background(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        result()


def test_within_one_thread_jobs_are_done_in_order_by_the_same_thread() -> None:
    order: list[tuple[str, int]] = []
    done = threading.Event()

    def work(name: str) -> None:
        order.append((name, threading.get_ident()))
        if name == "second":
            done.set()

    with one_thread():
        in_background(lambda: work("first"))
        in_background(lambda: work("second"))
    assert done.wait(60)
    assert [name for name, _ in order] == ["first", "second"]
    assert order[0][1] == order[1][1] != threading.get_ident()


def test_who_asks_for_what_has_not_been_begun_does_it() -> None:
    begun, go_on = threading.Event(), threading.Event()
    with one_thread():
        first = in_background(lambda: begun.set() or go_on.wait(60))  # type: ignore[func-returns-value]
        second = in_background(threading.get_ident)
        assert begun.wait(60)
        assert second() == threading.get_ident()
        go_on.set()
    assert first() is True


def test_a_job_is_done_once_however_often_its_result_is_asked_for() -> None:
    calls: list[int] = []
    result = in_background(lambda: calls.append(1))
    result(), result()
    assert calls == [1]


def test_threads_end_with_their_work() -> None:
    before = set(threading.enumerate())
    with one_thread():
        in_background(lambda: None)()
    in_background(lambda: None)()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert set(threading.enumerate()) <= before


def test_where_there_can_be_no_threads_the_work_is_done_by_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert in_background(threading.get_ident)() == threading.get_ident()
