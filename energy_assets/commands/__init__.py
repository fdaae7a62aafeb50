"""What `make` calls: the command line, the runs of each command, and the output in the terminal.

Does not belong here: anything that a run needs when the UI or the daemon starts it.
"""
