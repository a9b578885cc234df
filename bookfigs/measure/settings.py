"""Settings: how the process that measures is set up, as far as it changes times."""

import os

import torch

VARIABLES = (
    "GLIBC_TUNABLES",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_TRIM_THRESHOLD_",
    "OMP_DYNAMIC",
    "OMP_PROC_BIND",
    "OMP_WAIT_POLICY",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
)
"""Environment variables of allocators and threads; none of them holds a path."""


def settings(device: str) -> dict[str, str]:
    """Threads, denormals, allocator, and what belongs to CUDA; name → value."""
    set_here = [f"{v}={os.environ[v]}" for v in VARIABLES if v in os.environ]
    if os.environ.get("LD_PRELOAD"):
        set_here.append("LD_PRELOAD is set")  # to what is a path, and private
    found = {
        "threads": str(torch.get_num_threads()),
        "denormals": "flushed" if _flushes_denormals() else "kept",
        "environment": " ".join(set_here) or "as it comes",
    }
    if device == "cuda":
        found["cuda"] = str(torch.version.cuda)
        found["cuda allocator"] = torch.cuda.get_allocator_backend()
        found["float32 products"] = torch.get_float32_matmul_precision()
    return found


def _flushes_denormals() -> bool:
    """Whether half of the smallest normal number is zero: torch does not tell."""
    tiny = torch.tensor([torch.finfo(torch.float64).tiny], dtype=torch.float64)
    return bool((tiny / 2).item() == 0)
