"""Increments a counter file under redis-py's Lock: PORT NAME COUNTER COUNT."""
