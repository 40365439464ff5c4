"""`doctor`: composition and printing."""

import sys
from pathlib import Path

from services.agent.doctor import bundle as bundles
from services.agent.doctor.examination import Surroundings, examine, exit_status
from services.agent.doctor.finding import Finding
from services.agent.doctor.telling import as_json as findings_as_json
from services.agent.doctor.telling import as_lines
from services.agent.ports import ReaderService
from services.agent.settings import AgentSettings, proxies, reader_socket
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.randomness import SystemRandomness
from services.runtime.settings import read
from services.runtime.version import VERSION


def doctor(bundle: Path | None, *, as_json: bool) -> int:
    """Look, tell, and write the bundle where one is wanted; return the exit status."""
    logs.configure("agent", "ERROR")
    settings, problems = read(AgentSettings)
    origin = settings.WEB_ORIGIN.rstrip("/") if settings else ""
    at = Surroundings(
        settings,
        problems,
        proxies(),
        reader_socket(),
        _service,
        VERSION,
        SystemClock().now,
        SystemRandomness(),
    )
    findings: list[Finding] = []
    for finding in examine(at):
        findings.append(finding)
        if not as_json:
            _print(*as_lines(finding, origin))
    if as_json:
        _print(findings_as_json(findings, VERSION))
    if bundle is not None and not _bundled(bundle, at, findings):
        return 1
    return exit_status(findings)


def _bundled(path: Path, at: Surroundings, findings: list[Finding]) -> bool:
    settings = at.settings
    names = settings.model_fields_set if settings else frozenset()
    state = settings.AGENT_STATE_DIR if settings else None
    status = settings.AGENT_STATUS_FILE if settings else None
    try:
        bundles.write_bundle(path, findings, VERSION, names, state, status)
    except OSError as error:
        sys.stderr.write(f"the bundle was not written: {error.strerror}\n")
        return False
    sys.stderr.write(f"Written: {path}\n")
    return True


def _service() -> ReaderService:
    from services.agent.readers import PcscService

    return PcscService()


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
