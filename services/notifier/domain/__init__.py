"""The rules of delivery: when a message is tried, and when it is given up. Pure."""
