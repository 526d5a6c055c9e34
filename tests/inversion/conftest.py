import pytest

from unblur.operators import set_workers


@pytest.fixture
def one_thread():
    """Leave all work to this thread: another may hold on to what it was given a moment longer."""
    set_workers(1)
    yield
    set_workers(None)
