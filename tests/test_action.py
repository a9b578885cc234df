"""What projects run in CI: the action, the hooks and the examples do what they say."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookfigs.book import Book
from bookfigs.cli import cli
from paged import PAGE, add_page
from smallbook import ROOT, Run, commit, git

GITHUB = ROOT / ".github"
ACTION = GITHUB / "actions" / "check" / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
EXAMPLES = sorted((GITHUB / "examples").glob("*.yml"))
WORKFLOWS = [*EXAMPLES, *sorted((GITHUB / "workflows").glob("*.yml"))]
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
SQUARE = "chapters/growth/figures/square_growth.py"
COMMAND = re.compile(
    r"^ *(?:python -m )?bookfigs((?: --book \S+)?(?: +[^|;&>\n)]+)+)", re.MULTILINE
)


def read(path: Path) -> Any:
    """A YAML document; ``on:`` is a name in it, as GitHub reads it."""
    return yaml.safe_load(path.read_text().replace("\non:", '\n"on":'))


def steps(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of an action or a workflow."""
    yield from document.get("runs", {}).get("steps", [])
    for job in document.get("jobs", {}).values():
        yield from job["steps"]


def scripts() -> Iterator[str]:
    """Everything that somebody's CI runs because of this project."""
    for path in (ACTION, *WORKFLOWS):
        yield from (step["run"] for step in steps(read(path)) if "run" in step)
    yield from (hook["entry"] for hook in read(HOOKS))


def commands() -> list[list[str]]:
    """Every command of bookfigs in a script, word by word."""
    said = [
        script.replace('"', "") for script in scripts() if "pip install" not in script
    ]
    found = [match.split() for script in said for match in COMMAND.findall(script)]
    return [words[2:] if words[0] == "--book" else words for words in found]


def step(path: Path, name: str) -> dict[str, Any]:
    (found,) = [one for one in steps(read(path)) if one.get("name") == name]
    return found


@pytest.fixture
def paged(published: Book) -> Book:
    """A finished small book with a page, committed."""
    add_page(published)
    commit(published.root)
    return published


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    """An environment with a ``bookfigs``, and a ``python`` that has it."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, line in (("bookfigs", "-m bookfigs"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {line} "$@"\n')
        program.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **more}


def run_step(
    path: Path, name: str, at: Path, folder: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as GitHub does."""
    found = step(path, name)
    given = {
        key: value for key, value in found.get("env", {}).items() if key not in env
    }
    assert all(EXPRESSION.fullmatch(value) for value in given.values())
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]],
        cwd=at,
        env=surroundings(folder, **dict.fromkeys(given, ""), **env),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_of_ci_are_found() -> None:
    told = {words[0] for words in commands()}
    assert told == {
        "check", "lint", "list", "figures", "bundle", "import", "publish",
    }  # fmt: skip


def test_commands_of_ci_and_their_options_exist() -> None:
    for name, *rest in commands():
        options = {o for p in cli.commands[name].params for o in p.opts}
        asked = {word for word in rest if word.startswith("--")}
        assert asked <= options, name


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda p: p.stem)
def test_no_script_has_what_somebody_else_wrote_put_into_it(path: Path) -> None:
    found = [one["run"] for one in steps(read(path)) if "run" in one]
    assert [script for script in found if EXPRESSION.search(script)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_workflows_have_a_limit_and_only_the_rights_they_need(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    writing = [n for n, j in workflow["jobs"].items() if j.get("permissions")]
    assert writing == (["publish"] if path.stem == "measure" else [])


def test_every_input_of_the_action_is_used_and_every_used_one_is_declared() -> None:
    action = read(ACTION)
    used = set(re.findall(r"inputs\.([a-z-]+)", ACTION.read_text()))
    assert used == set(action["inputs"])
    assert all(one["description"] for one in action["inputs"].values())
    assert {one["shell"] for one in steps(action)} == {"bash"}


def test_examples_and_ci_give_the_action_inputs_that_it_has() -> None:
    given = [
        one.get("with", {})
        for path in WORKFLOWS
        for one in steps(read(path))
        if "actions/check" in one.get("uses", "").replace("actions/checkout", "")
    ]
    assert len(given) == 2
    assert {name for one in given for name in one} <= set(read(ACTION)["inputs"])


def test_the_action_installs_the_version_that_it_is_of(tmp_path: Path) -> None:
    script = step(ACTION, "Install")["run"]
    (target,) = re.findall(r'"\$GITHUB_ACTION_PATH(/[./]+)"', script)
    assert Path(f"{ACTION.parent}{target}").resolve() == ROOT
    told = tmp_path / "told"
    environment = surroundings(tmp_path, ARGUMENTS="--constraint a b")
    program = tmp_path / "programs" / "python"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{told}"\n')
    environment["GITHUB_ACTION_PATH"] = str(ACTION.parent)
    subprocess.run(["bash", "-e", "-c", script], env=environment, check=True)
    *words, place = told.read_text().splitlines()
    assert words == ["-m", "pip", "install", "--constraint", "a", "b"]
    assert Path(place).resolve() == ROOT


@pytest.mark.parametrize("redraw", ["true", "false"])
def test_the_action_lets_a_finished_book_pass(
    paged: Book, tmp_path: Path, redraw: str
) -> None:
    summary = tmp_path / "summary.md"
    about = {"BOOK": ".", "GITHUB_STEP_SUMMARY": str(summary)}
    ran = {
        name: run_step(ACTION, name, paged.root, tmp_path, **about, **more)
        for name, more in (
            ("Check", {"REDRAW": redraw}), ("Lint", {"EXECUTE": "true"}),
            ("Summary", {}),
        )
    }  # fmt: skip
    for name, done in ran.items():
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        assert "::error" not in done.stdout
    written = summary.read_text()
    assert "2 of 2 claims hold." in written
    assert "| It grows. (`double_growth.grows`) | holds | " in written
    assert "| `doubling` | up to date | " in written


def test_the_action_says_at_the_line_of_the_page_what_is_wrong(
    paged: Book, tmp_path: Path
) -> None:
    figure = paged.figures()["double_growth"]
    figure.write_text(figure.read_text().replace("low=0.9", "low=1.5"))
    (paged.generated / "listings" / "doubling.py").unlink()
    page = paged.folder / "growth" / "growth.qmd"
    page.write_text(f"{PAGE}\nIt ends at 1234.\n")
    check = run_step(ACTION, "Check", paged.root, tmp_path, BOOK=".")
    lint = run_step(ACTION, "Lint", paged.root, tmp_path, BOOK=".")
    summary = tmp_path / "summary.md"
    more = {"BOOK": ".", "GITHUB_STEP_SUMMARY": str(summary)}
    assert run_step(ACTION, "Summary", paged.root, tmp_path, **more).returncode == 0
    assert (check.returncode, lint.returncode) == (6, 10)
    place = "file=chapters/growth/growth.qmd,line={},title=bookfigs check::"
    lines = PAGE.splitlines()
    for text, said in (
        ("::: {#fig-double-growth .bookfigs}", "what draws and words it, changed"),
        ('[It grows.]{.claim ref="double_growth.grows"}', "the claim fails"),
        ("::: {#lst-doubling .bookfigs}", "the printed listing is not its source"),
    ):
        at = f"::error {place.format(lines.index(text) + 1)}"
        (told,) = [line for line in check.stdout.splitlines() if said in line]
        assert told.startswith(at)
        assert "%0A  run: bookfigs " in told
    assert f"growth.qmd,line={len(lines) + 2}," in lint.stdout
    assert "| outdated | " in summary.read_text()
    assert "1 of 2 claims hold." in summary.read_text()


def test_what_no_page_uses_is_said_at_its_file(paged: Book, run: Run) -> None:
    (paged.generated / "data" / "square_growth.csv").unlink()
    done = run("check", "--format", "github")
    assert done.returncode == 6
    assert done.stdout.startswith(f"::error file={SQUARE},title=bookfigs check::")
    assert "square_growth.csv is missing" in done.stdout
    (paged.folder / "growth" / "growth.qmd").write_text("# Nothing\n")
    (paged.root / "helpers.py").write_text("def (:\n")
    done = run("check", "--format", "github")
    assert done.returncode == 3
    assert "::error file=helpers.py,line=1,title=bookfigs check::helpers.py:1: " in (
        done.stdout
    )
    assert done.stdout.count("(helpers.py, line 1)") == 1  # of two figures


def test_a_book_that_cannot_be_read_at_all_is_one_annotation(
    paged: Book, run: Run
) -> None:
    text = paged.manifest.read_text()
    paged.manifest.write_text(text.replace('"schema": 1', '"schema": 99'))
    done = run("check", "--format", "github")
    (line,) = done.stdout.splitlines()
    assert line.startswith("::error file=chapters/_bookfigs/manifest.json,title=")
    assert done.returncode == 3


def test_what_an_author_writes_cannot_break_out_of_a_summary(
    paged: Book, run: Run
) -> None:
    figure = paged.figures()["double_growth"]
    told = '"It <b>grows</b> | `so`."'
    figure.write_text(figure.read_text().replace('"It grows."', told))
    assert run("figures", "--no-measure").returncode == 0
    done = run("list", "--format", "markdown")
    row = next(line for line in done.stdout.splitlines() if "(`double_growth" in line)
    assert r"It \<b\>grows\</b\> \| \`so\`." in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 8


@pytest.mark.parametrize("hook", ["bookfigs-check", "bookfigs-lint"])
def test_the_hooks_run_in_a_project(paged: Book, tmp_path: Path, hook: str) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    git(hooks, "init", "--quiet")
    shutil.copy(HOOKS, hooks)
    commit(hooks)
    command = ["-m", "pre_commit", "try-repo", str(hooks), hook, "--all-files"]

    def tried() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=paged.root,
            env=surroundings(tmp_path, PRE_COMMIT_HOME=str(tmp_path / "home")),
            capture_output=True,
            text=True,
            check=False,
        )

    done = tried()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout
    paged.manifest.unlink()
    done = tried()
    assert done.returncode == 1
    assert "there is no" in done.stdout


def test_records_go_from_a_gpu_job_to_a_job_without_one(
    paged: Book, tmp_path: Path
) -> None:
    path = GITHUB / "examples" / "measure.yml"
    helpers = paged.root / "helpers.py"
    helpers.write_text(helpers.read_text().replace("2 * n", "n + n"))
    commit(paged.root)
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", str(paged.root), str(copy))
    chosen = {"FIGURES": "double_growth"}
    done = run_step(path, "Measure", paged.root, tmp_path, DEVICE="cpu", **chosen)
    assert "double_growth: measured in" in done.stdout, done.stderr
    done = run_step(path, "Pack", paged.root, tmp_path, **chosen)
    assert done.returncode == 0, done.stderr
    (paged.root / "records.json").rename(tmp_path / "records.json")
    shutil.rmtree(copy / ".bookfigs", ignore_errors=True)
    summary = str(tmp_path / "summary.md")
    for name in ("Import", "Publish", "Draw", "Summary"):
        more = {"RUNNER_TEMP": str(tmp_path), "GITHUB_STEP_SUMMARY": summary}
        done = run_step(path, name, copy, tmp_path, **more)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        assert "::warning" not in done.stdout, done.stdout
    changed = git(copy, "status", "--porcelain").splitlines()
    names = {line.split(maxsplit=1)[1] for line in changed}
    assert any("growth/evidence/double_growth/" in name for name in names)
    assert {name.partition("/")[0] for name in names} == {"chapters"}
