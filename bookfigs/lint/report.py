"""Findings as text, JSON, SARIF 2.1.0, or annotations of a GitHub workflow."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from bookfigs import __version__
from bookfigs.lint.baseline import Compared, Known
from bookfigs.lint.finding import Finding, Severity
from bookfigs.lint.rules import RULES

LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
"""Severities in the words of SARIF."""

ANNOTATIONS = {"error": "error", "warning": "warning", "info": "notice"}
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclasses.dataclass(frozen=True)
class Report:
    """All there is to tell: findings, and of how many pages."""

    compared: Compared
    pages: int
    has_baseline: bool = False

    @property
    def errors(self) -> int:
        """How many findings fail."""
        return sum(one.severity == "error" for one in self.compared.new)


def printable(text: str) -> str:
    """A text of an author on one line, without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def as_text(report: Report) -> str:
    """Each finding as other messages of this tool are, then what there is in all."""
    lines = [line for one in report.compared.new for line in _lines(one)]
    gone = [_known(known) for known in report.compared.gone]
    lines += [f"{known}: is fixed, and still in the baseline" for known in gone]
    return "\n".join([*lines, _summary(report)]) + "\n"


def _lines(one: Finding) -> list[str]:
    place = f"{printable(one.file)}:{one.line}:{one.column}"
    lines = [f"{place}: {one.severity} {one.code}: {printable(one.message)}"]
    if one.context.strip():
        text = printable(one.context)
        lead = len(text) - len(text.lstrip())
        lines.append(f"  | {text.strip()}")
        lines.append(f"  | {' ' * max(0, one.offset - lead)}^")
    return [*lines, f"  {printable(one.suggestion)}"] if one.suggestion else lines


def _known(known: Known) -> str:
    return printable(f"{known.file}: {known.code}: {known.message}")


def _summary(report: Report) -> str:
    counts = Counter(one.severity for one in report.compared.new)
    parts = [
        f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}"
        for severity in LEVELS
        if counts[severity]
    ]
    said = ", ".join(parts) or "nothing found"
    if report.compared.accepted:
        said += f"; {len(report.compared.accepted)} accepted by the baseline"
    if report.compared.gone:
        said += "; to remove what is fixed, run: bookfigs lint --update-baseline"
    return f"{report.pages} page{'s' * (report.pages != 1)}: {said}"


def as_json(report: Report) -> str:
    """The same for programs: ``file, line, column, code, message, …``."""
    builtin = dataclasses.asdict
    whole = {
        "schema": 1,
        "generator": f"bookfigs {__version__}",
        "pages": report.pages,
        "findings": [builtin(one) for one in report.compared.new],
        "accepted": [builtin(one) for one in report.compared.accepted],
        "removable": [
            {"file": one.file, "code": one.code, "message": one.message}
            for one in report.compared.gone
        ],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def as_sarif(report: Report) -> str:
    """What code scanning reads; accepted findings are suppressed ones."""
    driver = {
        "name": "bookfigs",
        "semanticVersion": __version__,
        "rules": [
            {
                "id": rule.code,
                "shortDescription": {"text": rule.summary},
                "fullDescription": {"text": rule.explanation},
                "defaultConfiguration": {"level": LEVELS[rule.severity]},
            }
            for rule in RULES
        ],
    }
    results = [_result(one, "new", report) for one in report.compared.new]
    results += [_result(one, "unchanged", report) for one in report.compared.accepted]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    whole = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _result(one: Finding, state: str, report: Report) -> dict[str, Any]:
    region = {
        "startLine": one.line,
        "startColumn": one.column,
        "endLine": one.end_line,
        "endColumn": one.end_column,
        "snippet": {"text": one.context},
    }
    place = {"artifactLocation": _artifact(one.file), "region": region}
    result: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": [rule.code for rule in RULES].index(one.code),
        "level": LEVELS[one.severity],
        "message": {"text": _message(one)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"bookfigs/v1": one.fingerprint},
    }
    if report.has_baseline:
        result["baselineState"] = state
    if state == "unchanged":
        result["suppressions"] = [{"kind": "external"}]
    return result


def _artifact(file: str) -> dict[str, str]:
    path = PurePath(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}


def _message(one: Finding) -> str:
    return f"{one.message}; {one.suggestion}" if one.suggestion else one.message


def as_github(report: Report) -> str:
    """Workflow commands, which show each finding beside its line."""
    lines = []
    for one in report.compared.new:
        where = {"file": one.file, "line": one.line, "endLine": one.end_line}
        if one.line == one.end_line:
            where |= {"col": one.column, "endColumn": max(one.column, one.end_column)}
        where["title"] = f"bookfigs {one.code}"
        lines.append(annotation(ANNOTATIONS[one.severity], where, _message(one)))
    for known in report.compared.gone:
        where = {"file": known.file, "title": "bookfigs baseline"}
        lines.append(annotation("notice", where, f"fixed: {known.message}"))
    return "".join(lines)


def annotation(level: str, where: Mapping[str, object], text: str) -> str:
    """A workflow command that shows a text at a place."""
    listed = ",".join(f"{key}={_escaped(str(at), ':,')}" for key, at in where.items())
    return f"::{level} {listed}::{_escaped(text)}\n"


def _escaped(text: str, signs: str = "") -> str:
    """A text inside of a workflow command, where some signs have a meaning."""
    for sign in f"%\r\n{signs}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
"""What ``--format`` may name."""
