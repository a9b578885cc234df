"""What do 500 embeds in a book of 20 chapters add to its render?

Books of 20 chapters and 20 pages of prose each are made, with 0 to 500 embeds: figures,
listings, values and claims in turns, and a table of evidence in each chapter that has
any. Timed in one run, in turns: pandoc with the extension's filter on all chapters,
and pandoc without it. The difference is the extension; what it is a share of
is a whole render, which is pandoc's part and, where ``--quarto`` names the program,
that of Quarto.

    python benchmarks/embeds.py --quarto quarto
"""

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pypandoc

from bookfigs.canonical import fingerprint
from bookfigs.provenance import this_device

ROOT = Path(__file__).parents[1]
EXTENSION = ROOT / "_quarto_ext" / "_extensions" / "bookfigs"
CHAPTERS = 20
PARAGRAPHS = 120
"""Paragraphs of each chapter, which make about 20 pages."""

SENTENCE = (
    "The *state* of step $t$ follows from that of step $t-1$, which had to wait. "
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>'
EMBEDS = (
    "::: {{#fig-f{0} .bookfigs}}\n:::\n",
    "::: {{#lst-l{0} .bookfigs}}\n:::\n",
    "It takes {{{{< val f{0}.ratio >}}}} times as long.\n",
    '[It grows with the sequence]{{.claim ref="f{0}.grows"}}.\n',
)
"""What is embedded, in turns; the number is that of the figure or listing."""

Samples = dict[str, list[float]]


def make_book(folder: Path, embeds: int, many: int = CHAPTERS) -> list[Path]:
    """Write a book of ``many`` chapters with so many embeds; return its chapters."""
    generated = folder / "_bookfigs"
    generated.mkdir(parents=True)
    names = range(0, embeds, len(EMBEDS))
    for kind in ("svg", "dark.svg", "csv"):
        for n in names:
            (generated / f"f{n}.{kind}").write_bytes(SVG)
    manifest = {
        "schema": 1,
        "generator": "bookfigs",
        "figures": {f"f{n}": _figure(n) for n in names},
        "listings": {f"l{n}": _listing() for n in names},
        "values": {f"f{n}.ratio": _value(n) for n in names},
        "claims": {f"f{n}.grows": _claim(n) for n in names},
    }
    (generated / "manifest.json").write_text(json.dumps(manifest))
    return [
        _chapter(folder, number, range(number, embeds, many)) for number in range(many)
    ]


def _chapter(folder: Path, number: int, own: range) -> Path:
    """Write a chapter with its own embeds among its paragraphs."""
    blocks = [f"{SENTENCE * 6}\n" for _ in range(PARAGRAPHS)]
    for place, which in enumerate(own):
        figure = which - which % len(EMBEDS)
        text = EMBEDS[which % len(EMBEDS)].format(figure)
        blocks[place * PARAGRAPHS // len(own)] += f"\n{text}"
    if any(which % len(EMBEDS) == len(EMBEDS) - 1 for which in own):
        blocks.append("::: {.bookfigs-evidence}\n:::\n")
    path = folder / f"chapter{number}.qmd"
    path.write_text(f"# Chapter {number}\n\n" + "\n".join(blocks))
    return path


def _figure(n: int) -> dict[str, object]:
    def file(kind: str) -> dict[str, str]:
        return {"path": f"f{n}.{kind}", "sha1": fingerprint(SVG)}

    return {
        "caption": "**Time of a Step**: it grows with the sequence.",
        "alt": "Two lines that rise.",
        "width": "5.375in",
        "images": {kind: file(kind) for kind in ("svg", "dark.svg")},
        "data": {"csv": file("csv")},
        "evidence": [],
        "outdated": None,
    }


def _listing() -> dict[str, object]:
    return {
        "caption": "**Scan**: one step after another.",
        "language": "python",
        "code": "def scan(a):\n    return a\n" * 8,
        "source": "scan.py",
        "symbol": "scan",
        "outdated": None,
    }


def _value(n: int) -> dict[str, object]:
    return {"text": "37", "figure": f"f{n}", "outdated": None}


def _claim(n: int) -> dict[str, object]:
    row = {
        "device": "AMD EPYC, 2 cores",
        "verdict": "holds",
        "statistic": "exponent 1.00 (1.00 to 1.00)",
        "expected": "between 0.98 and 1.02",
        "date": "2026-11-23",
        "commit": "0123abc",
    }
    return {
        "sentence": "It grows with the sequence.",
        "verdict": "holds",
        "figure": f"f{n}",
        "source": f"figures/f{n}.py",
        "outdated": None,
        "rows": [row],
    }


def render(chapters: list[Path], *, with_filter: bool) -> float:
    """Seconds that pandoc takes for all chapters. Raises: CalledProcessError."""
    lua = [f"--lua-filter={EXTENSION / 'bookfigs.lua'}"] if with_filter else []
    start = time.perf_counter()
    for path in chapters:
        command = [pypandoc.get_pandoc_path(), path.name, "--from=markdown", *lua]
        command += ["--to=html5", f"--output={path.stem}.html"]
        subprocess.run(command, cwd=path.parent, check=True)  # noqa: S603 - our own
    return time.perf_counter() - start


def render_book(program: str, folder: Path, chapters: list[Path]) -> float:
    """Seconds that Quarto takes for the book. Raises: CalledProcessError."""
    shutil.copytree(EXTENSION, folder / "_extensions" / "bookfigs", dirs_exist_ok=True)
    (folder / "index.qmd").write_text("# Preface\n")
    project = {
        "project": {"type": "book"},
        "book": {"title": "B", "chapters": ["index.qmd", *(p.name for p in chapters)]},
        "filters": [{"path": "bookfigs", "at": "pre-ast"}],
        "format": {"html": {"theme": "cosmo"}},
    }
    (folder / "_quarto.yml").write_text(json.dumps(project))
    start = time.perf_counter()
    command = [program, "render", "--to", "html", "--quiet"]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - asked for
    return time.perf_counter() - start


def measure(
    sizes: list[int], rounds: int, quarto: str | None, many: int = CHAPTERS
) -> dict[int, Samples]:
    """Time every arm on books with so many embeds, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        books = {n: make_book(Path(folder) / str(n), n, many) for n in sizes}
        found: dict[int, Samples] = {n: {"with": [], "without": []} for n in sizes}
        for _ in range(rounds):
            for n, chapters in books.items():
                found[n]["with"].append(render(chapters, with_filter=True))
                found[n]["without"].append(render(chapters, with_filter=False))
        largest = max(sizes)
        if quarto:
            whole = render_book(quarto, Path(folder) / str(largest), books[largest])
            found[largest]["quarto"] = [whole]
        return found


def added(samples: Samples) -> float:
    """Seconds that the extension adds to pandoc: median over rounds."""
    pairs = zip(samples["with"], samples["without"], strict=True)
    return statistics.median(one - other for one, other in pairs)


def table(found: Mapping[int, Samples]) -> str:
    """What each number of embeds adds, for each embed, and of a whole render."""
    base = added(found[min(found)])
    head = (
        "| embeds | pandoc | with the extension | added | for each embed | of Quarto |"
    )
    lines = [head, "| ---: |" + " ---: |" * 5]
    for n, samples in sorted(found.items()):
        more = added(samples)
        each = f"{(more - base) / n * 1000:.2f} ms" if n else ""
        whole = samples.get("quarto")
        share = f"{more / whole[0]:.1%}" if whole else ""
        medians = [statistics.median(samples[arm]) for arm in ("without", "with")]
        cells = [f"{n}", *(f"{s:.2f} s" for s in medians), f"{more:.2f} s", each, share]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write embeds.json and embeds.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[0, 125, 250, 500])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chapters", type=int, default=CHAPTERS)
    parser.add_argument("--quarto", help="the program, to time a whole render")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    found = measure(asked.sizes, asked.rounds, asked.quarto, asked.chapters)
    written = {
        "machine": this_device("cpu").title,
        "python": platform.python_version(),
        "pandoc": str(pypandoc.get_pandoc_version()),
        "rounds": asked.rounds,
        "seconds": {str(n): samples for n, samples in found.items()},
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "embeds.json").write_text(json.dumps(written, indent=1) + "\n")
    (asked.out / "embeds.md").write_text(table(found))
    sys.stdout.write(table(found))


if __name__ == "__main__":
    main()
