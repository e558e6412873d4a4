"""What was found in an item, as cases take it; and whether anything of it must be recorded."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from safehold.cases import urgency, workflow
from safehold.cases.model import Case, CaseState
from safehold.cases.workflow import Finding
from safehold.intake.model import Submission
from safehold.matching.match import Match
from safehold.policy.model import Verdict


def finding_of(submission: Submission) -> Finding:
    """What was found in an item."""
    screened = submission.screened
    decision = screened.decision
    return Finding(
        decision.verdict,
        decision.reasons,
        workflow.grounds(screened.observation, decision.reasons),
        submission.surface,
        urgency.found(screened.observation.matches, submission.surface),
    )


def must_record(case: Case | None, finding: Finding) -> bool:
    """Whether anything is written: it is held, or its bytes are those of a case in some doubt."""
    if case is None:
        return finding.verdict is not Verdict.ALLOW
    if case.state is CaseState.CLEARED:
        return finding.verdict is not Verdict.ALLOW and not workflow.is_cleared(case, finding)
    return True


def match_json(match: Match) -> dict[str, Any]:
    """A match as a decision keeps it."""
    fields = asdict(match)
    fields["signal"] = match.signal.value
    fields["orientation"] = match.orientation.value if match.orientation is not None else None
    fields["known_by"] = sorted(signal.value for signal in match.known_by)
    return fields
