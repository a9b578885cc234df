"""What the commands print."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bookfigs import __version__
from bookfigs.book import Book
from bookfigs.cli import cli
from smallbook import ROOT, Run

COMMANDS = sorted(cli.commands)


def test_commands_are_the_documented_ones() -> None:
    expected = "accept bundle check doctor export figures gallery import init lint list"
    more = "new preview prove publish render replicate why"
    assert " ".join(COMMANDS) == f"{expected} {more}"


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_help_explains_every_command(command: list[str]) -> None:
    done = CliRunner().invoke(cli, [*command, "--help"])
    assert done.exit_code == 0
    assert "Usage: " in done.output
    assert len(done.output.splitlines()) > 3


def test_version_is_the_package_s() -> None:
    assert __version__ in CliRunner().invoke(cli, ["--version"]).output


def test_list_names_what_prose_may_use(published: Book, run: Run) -> None:
    lines = run("list").stdout
    assert published.manifest.is_file()
    assert "figure   #fig-double-growth  up to date" in lines
    assert "listing  #lst-doubling  helpers.py:double  up to date" in lines
    assert "value    double_growth.last  16" in lines
    assert "claim    double_growth.grows  holds: It grows." in lines


def test_why_shows_what_a_claim_stands_on(published: Book, run: Run) -> None:
    done = run("why", "double_growth.grows")
    assert published.manifest.is_file()
    assert "claim double_growth.grows holds: It grows." in done.stdout
    assert "exponent 1.00; expected 0.900 to 2.10; 20" in done.stdout
    assert "commit " in done.stdout


def test_doctor_finds_what_a_build_needs(published: Book, run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 0
    needed = ("python", "torch", "matplotlib", "coverage", "pytest", "device", "book")
    for name in needed:
        assert f"ok       {name}: " in done.stdout
    assert f"{published.place(published.folder)}: 2 figures, 1 listings" in done.stdout


def test_doctor_without_quarto_says_what_to_install(run: Run, tmp_path: Path) -> None:
    done = run("doctor", env={**os.environ, "QUARTO_PATH": str(tmp_path / "none")})
    assert done.returncode == 0
    assert "optional quarto: " in done.stdout
    assert "run: install Quarto 1.4 or later" in done.stdout


def test_doctor_outside_a_book_fails(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bookfigs", "--book", tmp_path, "doctor"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 8
    assert "missing  book: no book here" in done.stdout


def test_progress_bar_appears_on_a_terminal_only(book: Book, run: Run) -> None:
    import pty

    plain = run("figures", "--only", "double_growth")
    assert "double_growth: measuring 4 points" in plain.stdout
    assert "\x1b[" not in plain.stdout
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "bookfigs", "--book", str(book.folder), "figures"]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        [*command, "--force"], cwd=ROOT, stdout=follower, env=environment
    ) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                shown += os.read(leader, 4096)
            except OSError:  # the terminal is closed
                break
    os.close(leader)
    assert process.returncode == 0
    assert b"\x1b[" in shown
    assert b"double_growth: measured in" in shown


def test_second_build_waits_for_the_first(book: Book, run: Run) -> None:
    from filelock import FileLock

    book.local.mkdir()
    with FileLock(book.local / "lock"):
        command = [
            sys.executable,
            "-m",
            "bookfigs",
            "--book",
            str(book.folder),
            "figures",
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.kill()
    assert b"another build of this book is at work" in first
    assert run("figures", "--dry-run").returncode == 0


def test_why_shows_what_a_value_stands_on(published: Book, run: Run) -> None:
    done = run("why", "double_growth.last")
    (evidence,) = published.evidence("double_growth")
    assert (
        f"value double_growth.last 16: from {published.place(evidence)}" in done.stdout
    )


def test_why_of_a_name_that_nothing_has_names_the_nearest(
    published: Book, run: Run
) -> None:
    done = run("why", "double_growth.grow")
    assert published.manifest.is_file()
    assert done.returncode == 4
    assert "nearest: double_growth.grows" in done.stderr


def test_why_of_a_figure_whose_helper_is_broken_says_so(
    published: Book, run: Run
) -> None:
    (published.root / "helpers.py").write_text("def (:\n")
    done = run("why", "double_growth")
    assert done.returncode == 3
    assert "helpers.py:1: does not parse" in done.stderr


@pytest.mark.parametrize(
    ("printed", "visible", "title"),
    [
        ("Model G, 81920, 550", "0", "Model G"),
        ("Model G, [N/A], 550", "0", "Model G"),
        ("Model G, 81920, 550", "", "core"),
        ("\\377", "0", "core"),
    ],
)
def test_device_is_the_one_that_this_process_may_use(
    book: Book, run: Run, tmp_path: Path, printed: str, visible: str, title: str
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{printed}\\n'\n")
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run(
        "why",
        "double_growth",
        env={**os.environ, "PATH": path, "CUDA_VISIBLE_DEVICES": visible},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert title in done.stdout.splitlines()[0]
    assert book.folder.is_dir()
