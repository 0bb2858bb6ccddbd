"""A push: spool and journal, submit, poll, report."""
