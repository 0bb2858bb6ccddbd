"""The demo: the main job on a messy export of 20,000 customers, against a sandbox, told to somebody new to it.

``export`` writes the files; ``teller`` is what is said and run, and runs it.
"""
