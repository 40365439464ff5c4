"""Who may call which RPC of otp."""

_SERVICE = "/smartcard_unlock.otp.v1.OtpService"
_REGISTRATION = "/smartcard_unlock.otp.v1.RegistrationCodeService"

ACCESS: dict[str, frozenset[str]] = {
    f"{_SERVICE}/IssueCode": frozenset({"web"}),
    f"{_SERVICE}/GetCodeStatus": frozenset({"web"}),
    f"{_SERVICE}/RedeemCode": frozenset({"web"}),
    f"{_SERVICE}/ListLocks": frozenset({"web"}),
    f"{_SERVICE}/ClearLock": frozenset({"web"}),
    f"{_REGISTRATION}/IssueRegistrationCode": frozenset({"web"}),
    f"{_REGISTRATION}/GetRegistrationCodeStatus": frozenset({"web"}),
    f"{_REGISTRATION}/RedeemRegistrationCode": frozenset({"web"}),
}
