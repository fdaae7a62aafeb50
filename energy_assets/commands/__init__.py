"""What `make` calls: the command line, the runs behind each command, and what the terminal shows.

Does not belong here: anything that a run needs when the UI or the daemon starts it.
"""
