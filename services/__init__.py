"""The map: one package a process, and what they share.

`runtime` starts, connects and watches any process and knows no service. `identity`, `otp`,
`card_gateway`, `notifier`, `audit` and `web` are the services; `agent` runs on the workstation.
No service imports another: they meet in `smartcard_unlock.*` (the contracts) and in topics.
"""
