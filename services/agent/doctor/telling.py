"""Findings as a person reads them, and as a program does."""

import json
from collections.abc import Sequence

from services.agent.doctor.finding import Finding, Level
from services.agent.doctor.words import words_of
from services.agent.messages import printable

_MARKS = {Level.OK: "ok  ", Level.NOTE: "note", Level.FAULT: "FAULT", Level.NOT_CHECKED: "-"}


def as_lines(finding: Finding, origin: str) -> list[str]:
    """Return one finding as lines; `origin`: where the help pages are, or empty."""
    facts = ", ".join(f"{name}: {printable(str(value))}" for name, value in finding.facts.items())
    lines = [f"{_MARKS[finding.level]:<6} {finding.check:<19} {facts}".rstrip()]
    if finding.level is Level.NOT_CHECKED:
        return [f"{_MARKS[finding.level]:<6} {finding.check:<19} not checked"]
    if finding.code:
        words = words_of(finding.code)
        lines += [f"       [{finding.code}] {words.what}", f"       {words.mend}"]
        if origin and finding.level is Level.FAULT:
            lines.append(f"       {origin}/help/errors/{finding.code}")
    return lines


def as_json(findings: Sequence[Finding], version: str) -> str:
    """Return all findings as one JSON document."""
    return json.dumps({"version": version, "checks": [_as_dict(finding) for finding in findings]}, indent=1)


def _as_dict(finding: Finding) -> dict[str, object]:
    words = words_of(finding.code) if finding.code else None
    return {
        "check": finding.check,
        "level": finding.level.value,
        "code": finding.code,
        "what": words.what if words else "",
        "mend": words.mend if words else "",
        "facts": dict(finding.facts),
    }
