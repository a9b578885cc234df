"""The documents: what they tell to run exists, and what they claim is so."""

import re
import subprocess

import pytest

from bookfigs.cli import cli
from smallbook import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
TOLD = "\n".join([*BLOCKS, *re.findall(r"`([^`\n]+)`", README)])
"""What the README tells to type: its shell blocks and its code in lines."""


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):.*##", text, re.MULTILINE))


def test_make_help_names_every_target() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[0] for line in shown.splitlines()} == make_targets()


def test_readme_tells_to_run_only_targets_that_exist() -> None:
    told = set(re.findall(r"^make ([a-z]+)", TOLD, re.MULTILINE))
    assert {"figures", "test"} <= told <= make_targets()


def test_readme_tells_to_run_only_commands_and_options_that_exist() -> None:
    for line in re.findall(r"^bookfigs ([a-z]+.*)", TOLD, re.MULTILINE):
        name, *rest = line.split()
        assert name in cli.commands
        options = {o for p in cli.commands[name].params for o in p.opts}
        assert {word for word in rest if word.startswith("--")} <= options


def test_every_command_is_in_the_readme() -> None:
    assert {name for name in cli.commands if f"bookfigs {name}" not in README} == set()


def test_readme_tells_every_field_of_a_listing_file() -> None:
    from bookfigs.listings.listing import Declared

    rows = re.findall(r"^\| ((?:`[^|]+`(?:, )?)+) \|", README, re.MULTILINE)
    told = {name.strip("[]") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert set(Declared.__struct_fields__) - {"output"} <= told
    assert "`output = false`" in README


@pytest.mark.parametrize("word", ["LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_documents_that_the_readme_names_exist(word: str) -> None:
    assert f"]({word})" in README
    assert (ROOT / word).is_file()


def test_ci_runs_the_command_of_the_readme() -> None:
    assert "make test" in "".join(BLOCKS)
    assert re.search(r"^make test", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def test_exit_statuses_in_the_readme_are_those_of_the_errors() -> None:
    from bookfigs import errors

    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.BookfigsError)
    }
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert codes | {0, 2} == rows


def test_constraints_pin_every_package_to_one_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []
    assert "torch==2.13.0" in pins
