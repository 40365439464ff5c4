"""One holder as an RA sees them: cards, locks of security codes, and what was changed. R7, R25, R48."""

from starlette.responses import Response

from services.runtime import errors, logs
from services.web.pages.profile import answered
from services.web.pages.ra_desk import grant_of, holder_of, of_desk
from services.web.ports import HolderChange, HolderRecord, Locks, Refused
from services.web.visit import Visit

log = logs.logger("pages")


async def show_holder(visit: Visit) -> Response:
    """Show a holder: their cards, whether codes are locked for them, and how they are reached."""
    holder = await holder_of(visit)
    return visit.page("ra/holder.jinja", holder=holder, locks=await locks_of(visit, holder))


async def show_changes(visit: Visit) -> Response:
    """List what was changed of a holder, by whom and why."""
    holder = await holder_of(visit)
    changes = await answered(visit, lambda: visit.peers.desk.changes(grant_of(visit), holder.holder_ref))
    if isinstance(changes, Refused):
        raise of_desk(changes)
    locks = await locks_of(visit, holder)
    ended = await _ended_locks(visit, locks) if locks else []
    newest_first = sorted([*changes, *ended], key=lambda change: change.at, reverse=True)
    return visit.page("ra/changes.jinja", holder=holder, changes=newest_first, locks=locks)


async def locks_of(visit: Visit, holder: HolderRecord) -> Locks | None:
    """Return the holder's locks; None where otp cannot say: the pages are of use all the same."""
    try:
        return await answered(visit, lambda: visit.peers.otp.locks(grant_of(visit), holder.holder_ref))
    except errors.ServiceError as error:
        log.warning("locks_unknown", code=error.code)
        return None


async def _ended_locks(visit: Visit, locks: Locks) -> list[HolderChange]:
    """Return the locks that RAs ended, as changes; each RA by the name that this one may see."""
    names = {ref: await _name_of(visit, ref) for ref in sorted({each.actor_ref for each in locks.ended})}
    return [
        HolderChange(
            at=each.at,
            kind="LOCK_ENDED",
            by="ra",
            actor_name=names[each.actor_ref],
            card_ref=each.card_ref,
            reason=each.reason,
            note=each.note,
        )
        for each in locks.ended
    ]


async def _name_of(visit: Visit, holder_ref: str) -> str:
    colleague = await answered(visit, lambda: visit.peers.desk.holder(grant_of(visit), holder_ref))
    return "" if isinstance(colleague, Refused) else colleague.name
