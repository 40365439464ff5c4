"""Who may call which RPC of otp."""

_SERVICE = "/smartcard_unlock.otp.v1.OtpService"

ACCESS: dict[str, frozenset[str]] = {
    f"{_SERVICE}/IssueCode": frozenset({"web"}),
    f"{_SERVICE}/GetCodeStatus": frozenset({"web"}),
    f"{_SERVICE}/RedeemCode": frozenset({"web"}),
    f"{_SERVICE}/ClearLock": frozenset({"web"}),
}
