"""Who may call which RPC of audit's reader. Store and sequencer are asked nothing."""

ACCESS: dict[str, frozenset[str]] = {
    "/smartcard_unlock.audit.v1.AuditService/GetSavedTime": frozenset({"web"}),
    "/smartcard_unlock.audit.v1.AuditService/ListSessionRecords": frozenset({"web"}),
    "/smartcard_unlock.audit.v1.AuditService/GetReceipt": frozenset({"web"}),
    "/smartcard_unlock.audit.v1.AuditService/GetSavings": frozenset({"web"}),
    "/smartcard_unlock.audit.v1.AuditService/ListCardRecords": frozenset({"web"}),
    "/smartcard_unlock.audit.v1.AuditService/GetCardReceipt": frozenset({"web"}),
}
