"""The workstation program: carries the gateway's scripts to the card in the reader, and asks the person."""
