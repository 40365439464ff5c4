"""The version of all parts: they are released together. A test holds it to the distribution's."""

VERSION = "0.1.0"
