"""The names of this service's write transactions.

A journey commits under the first list only, each once; polls and reads commit nothing
(quality P5). The second list is of a sign-in, of detours, and what the process does by itself.
"""

ATTACH = "card_gateway.attach"
START_SESSION = "card_gateway.start_session"
REPORT_READ = "card_gateway.report_read"
AUTHORISE = "card_gateway.authorise"
RESET_PIN = "card_gateway.reset_pin"
REPORT_PROVE = "card_gateway.report_prove"
FETCH_RESET = "card_gateway.fetch_reset"
REPORT_RESET = "card_gateway.report_reset"

ON_THE_REQUEST_PATH = (
    ATTACH,
    START_SESSION,
    REPORT_READ,
    AUTHORISE,
    RESET_PIN,
    REPORT_PROVE,
    FETCH_RESET,
    REPORT_RESET,
)

PROVE_HOLDER = "card_gateway.prove_holder"
REPORT_PROVE_HOLDER = "card_gateway.report_prove_holder"
CARD_LEFT = "card_gateway.card_left"
CHANGE_REASON = "card_gateway.change_reason"
RENEW_PAIRING = "card_gateway.renew_pairing"
NOTE_ATTENDANCE = "card_gateway.note_attendance"
SWEEP = "card_gateway.sweep"
FORGET = "card_gateway.forget"
IMPORT_CARDS = "card_gateway.import_cards"
CATCH_UP = "card_gateway.catch_up"
REWRAP = "card_gateway.rewrap"
