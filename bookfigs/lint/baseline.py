"""A baseline: the findings that a book had when ``lint`` came to it.

They are accepted wherever their paragraphs move to; a new one is not. What is fixed
is told, so that it can be removed and does not come back unnoticed.
"""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from bookfigs.canonical import read_json
from bookfigs.errors import InputError
from bookfigs.lint.finding import Finding

SCHEMA = 1


class Known(Struct, frozen=True):
    """An accepted finding; ``count`` of them are alike. Only the first is compared."""

    fingerprint: str
    code: str
    file: str
    message: str
    count: int = 1


class Baseline(Struct, frozen=True):
    """Accepted findings, in the order of files."""

    schema: int = SCHEMA
    findings: list[Known] = []


def read_baseline(path: Path) -> Baseline:
    """Read a baseline. Raises: InputError if it is missing or no baseline."""
    if not path.exists():
        run = f"bookfigs lint --baseline {path} --update-baseline"
        raise InputError(path, "there is no such baseline", run=run)
    return read_json(path, str(path), Baseline, SCHEMA)


@dataclass(frozen=True)
class Compared:
    """Findings beside a baseline."""

    new: list[Finding]
    accepted: list[Finding]
    gone: list[Known]
    """What the baseline accepts and nothing has any more."""


def compare(
    findings: Sequence[Finding], known: Baseline, only: AbstractSet[str] | None = None
) -> Compared:
    """Tell new findings from accepted ones.

    What is known of files beyond ``only`` was not looked for, so that it is not gone.
    """
    left = Counter({each.fingerprint: 0 for each in known.findings})
    for each in known.findings:
        left[each.fingerprint] += each.count
    new: list[Finding] = []
    accepted: list[Finding] = []
    for finding in findings:
        is_known = left[finding.fingerprint] > 0
        (accepted if is_known else new).append(finding)
        left[finding.fingerprint] -= is_known
    gone = []
    for each in known.findings:
        count = min(left[each.fingerprint], each.count)
        left[each.fingerprint] -= count
        if count > 0 and (only is None or each.file in only):
            gone.append(Known(*_key(each), count))
    return Compared(new, accepted, gone)


def updated(
    findings: Sequence[Finding], known: Baseline, only: AbstractSet[str] | None = None
) -> Baseline:
    """The baseline that accepts what there is now; files beyond ``only`` stay."""
    kept = [] if only is None else [e for e in known.findings if e.file not in only]
    counts = Counter(_key(finding) for finding in findings)
    for each in kept:
        counts[_key(each)] += each.count
    entries = [Known(*key, count) for key, count in counts.items()]
    return Baseline(findings=sorted(entries, key=lambda e: (e.file, e.code, *_key(e))))


def _key(one: Finding | Known) -> tuple[str, str, str, str]:
    return one.fingerprint, one.code, one.file, one.message
