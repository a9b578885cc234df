"""A small book in a temporary folder, and the programs that render it."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypandoc

EXTENSION = Path(__file__).parents[2] / "_quarto_ext" / "_extensions" / "bookfigs"
PANDOC = pypandoc.get_pandoc_path()
QUARTO = os.environ.get("QUARTO_PATH") or shutil.which("quarto")

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">
<rect width="40" height="20"/></svg>
"""
DARK = SVG.replace(b"/></svg>", b' fill="white"/></svg>')
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n%%EOF\n"


@dataclass(frozen=True)
class Rendered:
    """What a program left: its exit status, what it said, the file it was to write."""

    status: int
    message: str
    path: Path

    @property
    def text(self) -> str:
        """The file that was written."""
        assert self.status == 0, self.message
        return self.path.read_text(encoding="utf-8")

    @property
    def words(self) -> str:
        """The same on one line, so that no line break matters."""
        return " ".join(self.text.replace("\N{NO-BREAK SPACE}", " ").split())


class Book:
    """A project `chapters/` with one chapter, `rnn/rnn.qmd`, and a manifest."""

    def __init__(self, folder: Path) -> None:
        self.chapters = folder / "chapters"
        self.chapter = self.chapters / "rnn" / "rnn.qmd"
        self.chapter.parent.mkdir(parents=True)
        self.generated = self.chapters / "_bookfigs"
        self.manifest: dict[str, Any] = {
            "schema": 1,
            "generator": "bookfigs 0.1.0",
            "figures": {"step_time": self._figure()},
            "listings": {"linear_scan": _listing()},
            "values": {"step_time.ratio": _value()},
            "claims": {"step_time.linear": _claim()},
        }

    def file(self, path: str, content: bytes) -> dict[str, str]:
        """Write a file beside the manifest and describe it as the manifest does."""
        target = self.generated / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        sha1 = hashlib.sha1(content, usedforsecurity=False)
        return {"path": path, "sha1": sha1.hexdigest()}

    def _figure(self) -> dict[str, Any]:
        images = {"svg": SVG, "dark.svg": DARK, "pdf": PDF, "png": PNG}
        return {
            "caption": "**Step time**: grows with *T*.",
            "alt": "Two lines over T.",
            "width": "5.375in",
            "images": {
                kind: self.file(f"figures/step_time.{kind}", content)
                for kind, content in images.items()
            },
            "evidence": [self.file("../rnn/evidence/cpu.json", b"{}")],
            "data": {
                kind: self.file(f"data/step_time.{kind}", content)
                for kind, content in {"csv": b"T,s\n1,2\n", "json": b"{}"}.items()
            },
            "measured": [
                {"device": device, "date": "2026-11-23", "commit": "0123abc"}
                for device in ("AMD EPYC, 2 cores", "NVIDIA H200")
            ],
            "outdated": None,
        }

    def write(self, text: str) -> None:
        """Write the chapter and the manifest."""
        self.chapter.write_text(text, encoding="utf-8")
        self.generated.mkdir(exist_ok=True)
        manifest = json.dumps(self.manifest)
        (self.generated / "manifest.json").write_text(manifest, encoding="utf-8")

    def pandoc(self, text: str, to: str = "html5", *options: str) -> Rendered:
        """Render a chapter of this text with plain pandoc, beside the chapter."""
        self.write(text)
        return run_pandoc(self.chapter, to, *options)

    def quarto(self, *arguments: str, settings: Mapping[str, Any]) -> Rendered:
        """Render the project; the extension lies in it as `quarto add` leaves it."""
        assert QUARTO is not None
        project = json.dumps({"project": {"type": "book"}, **settings})
        (self.chapters / "_quarto.yml").write_text(project, encoding="utf-8")
        shutil.copytree(EXTENSION, self.chapters / "_extensions" / "bookfigs")
        command = [QUARTO, "render", *arguments]
        return _run(command, self.chapters, self.chapters / "_book")


def _listing() -> dict[str, Any]:
    return {
        "caption": "**Scan**: a `fold`.",
        "language": "python",
        "code": "def scan(a):\n    return a\n",
        "source": "bookfigs/core/recurrence.py",
        "symbol": "scan",
        "outdated": None,
    }


def _value() -> dict[str, Any]:
    return {"text": "37", "figure": "step_time", "outdated": None}


def _claim() -> dict[str, Any]:
    row = {
        "device": "AMD EPYC, 2 cores",
        "verdict": "holds",
        "statistic": "exponent 1.00 (1.00 to 1.00)",
        "expected": "between 0.98 and 1.02",
        "date": "2026-11-23",
        "commit": "0123abc",
    }
    return {
        "sentence": "The chain grows with T.",
        "verdict": "holds",
        "figure": "step_time",
        "source": "chapters/rnn/figures/step_time.py",
        "outdated": None,
        "rows": [row, {**row, "device": "NVIDIA H200"}],
    }


def run_pandoc(
    document: Path,
    to: str,
    *options: str,
    folder: Path | None = None,
    lua: Path = EXTENSION / "bookfigs.lua",
) -> Rendered:
    """Render a document through the filter; any warning of pandoc is a failure."""
    target = document.with_name(f"out.{to}")
    command = [PANDOC, "--from=markdown", f"--to={to}", f"--output={target}"]
    command += ["--fail-if-warnings", "--metadata=title:A book", *options]
    command += [f"--lua-filter={lua}", str(document)]
    return _run(command, folder or document.parent, target)


def run_lua(script: str, folder: Path) -> Rendered:
    """Run a script in pandoc's Lua; `EXTENSION` is the folder of the extension."""
    target = folder / "script.lua"
    target.write_text(f"EXTENSION = [[{EXTENSION}]]\n{script}", encoding="utf-8")
    return _run([PANDOC, "lua", str(target)], folder, target)


def _run(command: list[str], folder: Path, target: Path) -> Rendered:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    said = done.stdout + done.stderr
    return Rendered(done.returncode, said.decode("utf-8"), target)
