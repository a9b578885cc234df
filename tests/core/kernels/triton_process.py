"""Tests that run in a process of their own, with triton.

Whether triton interprets programs or compiles them is settled when it is
imported, and here both are wanted; nothing else is to notice either.
"""

import functools
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch

Test = Callable[..., None]

COMPILED = Path(__file__).parents[3] / ".pytest_cache" / "triton"
"""What triton has compiled, kept from run to run: it goes by program, options and its
own version."""


def interpreted(test: Test) -> Test:
    """Run a test where programs are interpreted, on the CPU, by numpy."""
    return _elsewhere(test, TRITON_INTERPRET="1")


def compiled(test: Test) -> Test:
    """Run a test where programs can be compiled, as on a machine with a device."""
    return _elsewhere(test, TRITON_INTERPRET="0")


def _elsewhere(test: Test, **environment: str) -> Test:
    """The arguments go there, a failure comes back."""

    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        if find_spec("triton") is None:
            pytest.skip("NOT RUN, there is no triton; run `pip install triton`")
        process = _process(*environment.items())
        process.submit(_run, test.__module__, test.__name__, arguments).result()

    return run


@functools.cache
def _process(*environment: tuple[str, str]) -> ProcessPoolExecutor:
    """One for each environment, until the tests end."""
    return ProcessPoolExecutor(1, get_context("spawn"), _prepare, (environment,))


def _prepare(environment: tuple[tuple[str, str], ...]) -> None:
    """Nothing that this process imports so far has imported triton."""
    os.environ.update(environment)
    os.environ["TRITON_CACHE_DIR"] = str(COMPILED)
    warnings.simplefilter("error")
    # triton 3.6 turns arrays of one number into a number, which numpy regrets
    warnings.filterwarnings("ignore", "Conversion of an array", DeprecationWarning)


def _run(module: str, name: str, arguments: dict[str, Any]) -> None:
    """The test itself, in the other process."""
    torch.manual_seed(1990)
    getattr(import_module(module), name).__wrapped__(**arguments)
