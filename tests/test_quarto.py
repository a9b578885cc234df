"""The quarto binary: found, checked, its output and exit status kept."""

import os
from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.errors import EnvironmentMissingError
from bookfigs.quarto import find_quarto, require_quarto
from smallbook import Run


def program(folder: Path, body: str, name: str = "quarto") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


RENDERS = (
    '[ "$1" = --version ] && { echo 1.9.38; exit 0; }\n'
    'echo "arguments: $*"; echo "progress" >&2; exit 42'
)


def test_variable_comes_before_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program(tmp_path, "echo 1.4.0")
    named = program(tmp_path, "echo 1.9.38", "other")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    assert find_quarto() == on_path
    monkeypatch.setenv("QUARTO_PATH", str(named))
    assert find_quarto() == named


def test_missing_binary_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    with pytest.raises(EnvironmentMissingError, match="run: install Quarto"):
        find_quarto()


def test_variable_that_names_no_program_is_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QUARTO_PATH", "/nonexistent/quarto")
    with pytest.raises(
        EnvironmentMissingError, match="QUARTO_PATH=/nonexistent/quarto"
    ):
        find_quarto()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 1.3.450", "version 1.3.450 is older than 1.4"),
        ("echo hello", "tells no version, but 'hello'"),
        ("exit 3", "does not run"),
    ],
)
def test_binary_that_cannot_serve_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    monkeypatch.setenv("QUARTO_PATH", str(program(tmp_path, body)))
    with pytest.raises(EnvironmentMissingError, match=said):
        require_quarto()


def test_render_streams_the_output_and_keeps_the_exit_status(
    published: Book, run: Run, tmp_path: Path
) -> None:
    environment = {**os.environ, "QUARTO_PATH": str(program(tmp_path, RENDERS))}
    done = run("render", "--to", "html", env=environment)
    assert done.returncode == 42
    assert f"arguments: render {published.folder} --to html" in done.stdout
    assert "progress" in done.stderr


def test_render_does_not_start_on_an_outdated_book(
    published: Book, run: Run, tmp_path: Path
) -> None:
    (published.generated / "figures" / "double_growth.svg").unlink()
    environment = {**os.environ, "QUARTO_PATH": str(program(tmp_path, RENDERS))}
    done = run("render", env=environment)
    assert done.returncode == 6
    assert "arguments" not in done.stdout
    assert "double_growth.svg is missing" in done.stderr


def test_render_does_not_start_without_a_manifest(
    published: Book, run: Run, tmp_path: Path
) -> None:
    published.manifest.unlink()
    environment = {**os.environ, "QUARTO_PATH": str(program(tmp_path, RENDERS))}
    done = run("render", env=environment)
    assert done.returncode == 6
    assert "manifest.json: there is none" in done.stderr
    assert "run: bookfigs figures" in done.stderr


def test_render_without_quarto_is_a_message(
    published: Book, run: Run, tmp_path: Path
) -> None:
    environment = {**os.environ, "QUARTO_PATH": str(tmp_path / "none")}
    done = run("render", env=environment)
    assert published.manifest.is_file()
    assert done.returncode == 8
    assert "install Quarto 1.4 or later" in done.stderr
