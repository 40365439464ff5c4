"""What every report of an agent's begins with: the first one of a step counts."""

from services.card_gateway.domain.session import Session
from services.card_gateway.domain.step import Step
from services.card_gateway.ports import Work


async def taken(work: Work, session_id: str, step: Step, *, only_sent: bool = False) -> Session | None:
    """Lock the session and drop the step that is reported; None for a second report of it.

    `only_sent`: None also for a step that was never sent with its secret.
    """
    session = await work.lock_session(session_id)
    steps = await work.steps(session_id)
    known = [each.step_id for each in steps if each.sent_at is not None or not only_sent]
    if session is None or step.step_id not in known:
        return None
    await work.drop_step(step.step_id)
    return session
