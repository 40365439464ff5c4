"""The directory read from an LDAP server, as rows of the same import as CSV and JSON lines.

A command of its own, with a library (bonsai) that the serving process never loads.
"""
