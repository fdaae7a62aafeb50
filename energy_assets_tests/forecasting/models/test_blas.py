"""BLAS stays at one thread until the last of several parallel users is done."""

from threadpoolctl import threadpool_info

from energy_assets.forecasting.models.blas import single_blas_thread


def threads():
    return [info["num_threads"] for info in threadpool_info() if "numpy" in info["filepath"]]


def test_the_limit_ends_with_its_last_user():
    before = threads()
    first, second = single_blas_thread, single_blas_thread
    with first:
        second.__enter__()
    assert set(threads()) <= {1}
    second.__exit__(None, None, None)
    assert threads() == before


def test_an_error_lifts_the_limit():
    before = threads()
    try:
        with single_blas_thread:
            assert set(threads()) <= {1}
            raise ValueError
    except ValueError:
        assert threads() == before
