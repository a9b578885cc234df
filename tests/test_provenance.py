"""Provenance: complete, and nothing in it about whoever measured."""

import getpass
import platform
import re
from pathlib import Path

import pytest

from bookfigs.canonical import to_json
from bookfigs.measure.conditions import Conditions
from bookfigs.provenance import provenance, system, this_device, versions
from smallbook import ROOT


def test_the_system_is_told_as_far_as_it_tells_itself() -> None:
    found = system()
    assert found["machine"] == platform.machine()
    assert re.fullmatch(r"\d+(\.\d+)*", found["kernel"])
    assert found["os"]


def test_a_kernel_is_named_without_what_may_be_a_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "release", lambda: "6.8.0-41-annas-laptop")
    assert system()["kernel"] == "6.8.0"
    monkeypatch.setattr(platform, "release", lambda: "annas-laptop")
    assert "kernel" not in system()


def test_a_system_without_a_release_file_is_named_by_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> dict[str, str]:
        raise OSError

    monkeypatch.setattr(platform, "freedesktop_os_release", none)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("14.1", ("", "", ""), ""))
    assert system()["os"] == "Darwin 14.1"


def test_versions_name_what_is_installed_and_nothing_else() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert {"torch", "numpy", "scipy"} <= found.keys()
    assert all(re.match(r"\d", version) for version in found.values())


def test_nothing_personal_is_in_a_provenance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(tmp_path / "none.so"))
    made = provenance(
        ROOT, {}, threads=2, load=0.5, seconds=1.0, conditions=Conditions(windows=3)
    )
    text = to_json([made, this_device("cpu")]).decode()
    assert made.conditions == Conditions(windows=3)
    for private in {platform.node(), str(Path.home()), str(tmp_path), str(ROOT)}:
        assert private not in text
    assert f'"{getpass.getuser()}"' not in text
