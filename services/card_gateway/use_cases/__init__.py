"""What pages and agents can ask of the gateway: one method a call, one named transaction each."""
