"""Where and when a figure was measured, in the manifest that pages are made from."""

import json

from bookfigs.book import Book
from bookfigs.canonical import to_json
from bookfigs.manifest import read_manifest
from smallbook import Run


def test_a_figure_tells_where_and_when_it_was_measured(
    published: Book, run: Run
) -> None:
    entry = json.loads(published.manifest.read_text())["figures"]["double_growth"]
    (path,) = published.evidence("double_growth")
    record = json.loads(path.read_text())
    (measured,) = entry["measured"]
    assert measured["commit"] == record["provenance"]["commit"][:7]
    assert record["provenance"]["date"].startswith(measured["date"])
    assert record["device"]["name"] in measured["device"]


def test_a_manifest_that_does_not_say_it_is_read_and_completed(
    published: Book, run: Run
) -> None:
    before = published.manifest.read_bytes()
    content = json.loads(before)
    for entry in content["figures"].values():
        del entry["measured"]
    published.manifest.write_text(json.dumps(content))
    older = read_manifest(published)
    assert older is not None
    published.manifest.write_bytes(to_json(older.sealed()))
    assert b'"measured"' not in published.manifest.read_bytes()
    why = run("why", "double_growth").stdout
    assert "where and when it was measured is not noted yet" in why
    assert run("check").returncode == 6
    assert run("figures").returncode == 0
    assert published.manifest.read_bytes() == before
