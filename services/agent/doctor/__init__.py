"""Looks at this workstation: what is wrong, how to mend it. Asks for no passcode and spends no try."""
