"""What is launched on a CUDA device can be compiled for it; no device is needed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import pytest
import torch

from bookfigs.core.kernels import launch
from bookfigs.core.kernels.strategy import strategy
from core.kernels.test_cpu import DTYPES, REAL
from core.kernels.triton_process import compiled

H200 = 132
"""Multiprocessors of the device that strategies are made for here."""

WIDE, NARROW = (4224, 64, 128), (1, 2048, 33)
"""Shapes for one program per block of many channels, all aligned; and for chunks
of time, with rows that start anywhere."""

each_kind = pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "varying"])
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_device = pytest.mark.parametrize(
    ("capability", "shape"), [(80, WIDE), (90, NARROW)], ids=["80-wide", "90-narrow"]
)


class Launch(NamedTuple):
    """A program and what it is compiled for."""

    name: str
    types: tuple[str, ...]
    aligned: tuple[int, ...]
    sizes: tuple[tuple[str, int], ...]


class Compiled(NamedTuple):
    """What can be known of a program without running it."""

    ptx: str
    registers: int
    spilled: int


@contextmanager
def recorded(launches: list[Launch]) -> Iterator[None]:
    """Note what would be launched on a device."""

    def note(name: str, programs: int, *arguments: Any, **sizes: int) -> None:
        assert programs > 0
        types = tuple(map(_type, arguments))
        divisible = (i for i, x in enumerate(arguments) if _divisible(x))
        item = Launch(name, types, tuple(divisible), tuple(sizes.items()))
        if item not in launches:
            launches.append(item)

    def on_h200(B: int, T: int, N: int, size: int, _: int) -> Any:
        return strategy(B, T, N, size, H200)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "_launch", note)
        patch.setattr(launch, "strategy", on_h200)
        yield


def _type(argument: Any) -> str:
    """As triton names it."""
    if isinstance(argument, torch.Tensor):
        return {torch.float32: "*fp32", torch.float64: "*fp64"}[argument.dtype]
    return "i32" if abs(argument) < 2**31 else "i64"


def _divisible(argument: Any) -> bool:
    """By 16: what triton makes use of. Of tensors on meta, where they would start."""
    if isinstance(argument, torch.Tensor):
        offset = argument.storage_offset() * argument.element_size()
        return offset % 16 == 0
    return bool(argument % 16 == 0)


@cache
def compile_for(capability: int, item: Launch) -> Compiled:
    """Through the assembler of the device, down to its machine code."""
    triton: Any = import_module("triton")
    programs: Any = import_module("bookfigs.core.kernels.programs")
    kernel, sizes = getattr(programs, item.name), dict(item.sizes)
    names = [name for name in kernel.arg_names if name not in sizes]
    types = dict(zip(names, item.types, strict=True))
    source = triton.compiler.ASTSource(
        kernel,
        {name: types.get(name, "constexpr") for name in kernel.arg_names},
        sizes,
        {(i,): [["tt.divisibility", 16]] for i in item.aligned},
    )
    backend: Any = import_module("triton.backends.compiler")
    made = triton.compile(
        source,
        target=backend.GPUTarget("cuda", capability, 32),
        options=launch.OPTIONS,
    )
    return Compiled(made.asm["ptx"], *_resources(made.asm["cubin"], triton))


def _resources(code: bytes, triton: Any) -> tuple[int, int]:
    """Registers, and bytes of what did not fit into them."""
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        said = subprocess.run(
            [tools / "cuobjdump", "--dump-resource-usage", file.name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+) .*LOCAL:(\d+)", said)
    assert found is not None, said
    registers, stack, local = map(int, found.groups())
    return registers, stack + local


def linear_launches(
    shape: tuple[int, int, int], dtype: torch.dtype, *, fixed: bool
) -> list[Launch]:
    """What forward and backward run on tensors of such a shape."""
    launches: list[Launch] = []
    b = torch.empty(shape, dtype=dtype, device="meta")
    with recorded(launches):
        a = b[0, 0] if fixed else b
        launch.gradients(a, launch.states(a, b), b)
    return launches


@each_device
@each_dtype
@each_kind
@compiled
def test_each_linear_program_compiles_and_spills_no_register(
    capability: int,
    shape: tuple[int, int, int],
    dtype: torch.dtype,
    *,
    fixed: bool,
) -> None:
    launches = linear_launches(shape, dtype, fixed=fixed)
    names = {item.name for item in launches}
    split = {"reduce"} if shape == NARROW else set()
    assert names == {"forward", "backward"} | split
    for item in launches:
        made = compile_for(capability, item)
        assert made.spilled == 0, item
        assert "cp.async" in made.ptx, f"{item} does not read ahead"


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("dtype", REAL, ids=str)
@compiled
def test_each_tanh_program_compiles_and_spills_no_register(
    capability: int, dtype: torch.dtype
) -> None:
    launches: list[Launch] = []
    u = torch.empty(2, 40, 33, dtype=dtype, device="meta")
    with recorded(launches):
        launch.tanh_gradients(u[0, 0], launch.tanh_states(u[0, 0], u), u)
    assert [item.name for item in launches] == ["tanh_forward", "tanh_backward"]
    for item in launches:
        made = compile_for(capability, item)
        assert made.spilled == 0, item
        assert "cp.async" in made.ptx, f"{item} does not read ahead"


@pytest.mark.parametrize("dtype", DTYPES[:3:2], ids=str)
@compiled
def test_in_wide_tiles_a_thread_has_all_steps_of_its_channels(
    dtype: torch.dtype,
) -> None:
    """Threads shuffle nothing between them, and read and write 16 bytes at once."""
    for item in linear_launches(WIDE, dtype, fixed=False):
        made = compile_for(80, item)
        assert "shfl" not in made.ptx
        copies = re.findall(r"cp\.async\.c[ag]\..*?, (0x\w+),", made.ptx)
        assert set(copies) == {"0x10"}
        assert re.search(r"st\.global\.v[24]", made.ptx)
