"""One-time codes: issued, sealed to the notifier, redeemed once, limited per holder and card."""
