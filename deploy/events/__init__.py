"""What is told on Kafka, out of the contracts: docs/asyncapi.json and docs/events.md.

`python -m deploy.events asyncapi > docs/asyncapi.json`, `python -m deploy.events page > docs/events.md`.
"""
