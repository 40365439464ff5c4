"""`make run` and the real parts that the tests run against: Kafka, PostgreSQL, a mailbox, keys, cards."""
