"""BLAS stays at one thread until the last of several parallel users is done, in any thread."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info

from energy_assets.forecasting.models.blas import single_blas_thread


def threads():
    return [info["num_threads"] for info in threadpool_info() if "numpy" in info["filepath"]]


def in_a_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def limited():
    with single_blas_thread:
        return threads()


def test_the_limit_ends_with_its_last_user():
    before = threads()
    first, second = single_blas_thread, single_blas_thread
    with first:
        second.__enter__()
    assert set(threads()) <= {1}
    second.__exit__(None, None, None)
    assert threads() == before


def test_the_limit_holds_in_every_thread_after_another_one_had_it():
    before = threads()
    assert set(limited()) <= {1}
    assert set(in_a_thread(limited)) <= {1}
    assert set(limited()) <= {1}
    assert threads() == before


def test_the_last_user_may_be_another_thread_than_the_first():
    before = threads()
    single_blas_thread.__enter__()
    in_a_thread(single_blas_thread.__enter__)
    single_blas_thread.__exit__(None, None, None)
    assert set(threads()) <= {1}
    in_a_thread(lambda: single_blas_thread.__exit__(None, None, None))
    assert threads() == before


def test_an_error_lifts_the_limit():
    before = threads()
    with pytest.raises(KeyError), single_blas_thread:
        raise KeyError
    assert threads() == before
