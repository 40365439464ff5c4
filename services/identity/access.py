"""Who may call which RPC of identity."""

_SERVICE = "/smartcard_unlock.identity.v1.IdentityService"
_DESK = "/smartcard_unlock.identity.v1.RaDeskService"
_IN_PERSON = "/smartcard_unlock.identity.v1.InPersonService"
_COLLEAGUES = "/smartcard_unlock.identity.v1.ColleagueService"
_REGISTRATION = "/smartcard_unlock.identity.v1.RegistrationService"

ACCESS: dict[str, frozenset[str]] = {
    f"{_SERVICE}/ResolveHolder": frozenset({"web"}),
    f"{_SERVICE}/GetDeliveryAddress": frozenset({"notifier"}),
    f"{_SERVICE}/ReportNoMailbox": frozenset({"web"}),
    f"{_SERVICE}/FindRA": frozenset({"web"}),
    f"{_SERVICE}/ListApprovedDomains": frozenset({"web"}),
    f"{_SERVICE}/SignIn": frozenset({"web"}),
    f"{_SERVICE}/GetProfile": frozenset({"web"}),
    f"{_SERVICE}/UpdateContact": frozenset({"web"}),
    f"{_SERVICE}/FreezeCard": frozenset({"web"}),
    f"{_DESK}/FindHolders": frozenset({"web"}),
    f"{_DESK}/GetHolder": frozenset({"web"}),
    f"{_IN_PERSON}/ShowPerson": frozenset({"web"}),
    f"{_IN_PERSON}/VouchInPerson": frozenset({"web"}),
    f"{_COLLEAGUES}/AskColleagues": frozenset({"web"}),
    f"{_COLLEAGUES}/ShowAsker": frozenset({"web"}),
    f"{_COLLEAGUES}/VouchForColleague": frozenset({"web"}),
    f"{_DESK}/ListHolderChanges": frozenset({"web"}),
    f"{_DESK}/AllowCardRecords": frozenset({"web"}),
    f"{_DESK}/ListWaiting": frozenset({"web"}),
    f"{_DESK}/SetHolderAddress": frozenset({"web"}),
    f"{_DESK}/ConfirmHolderAddress": frozenset({"web"}),
    f"{_DESK}/DeclineHolderAddress": frozenset({"web"}),
    f"{_DESK}/FreezeHolderCard": frozenset({"web"}),
    f"{_DESK}/LiftFreeze": frozenset({"web"}),
    f"{_DESK}/ClearAnswersLock": frozenset({"web"}),
    f"{_REGISTRATION}/ListQuestions": frozenset({"web"}),
    f"{_REGISTRATION}/SetAnswers": frozenset({"web"}),
    f"{_REGISTRATION}/ConfirmEmail": frozenset({"web"}),
    f"{_REGISTRATION}/CompleteRegistration": frozenset({"web"}),
    f"{_REGISTRATION}/AnswerQuestions": frozenset({"web"}),
}
