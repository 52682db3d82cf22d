"""The command line: what a user types comes in, calls of the rooms below go out.

`main` is the program: it parses, and turns every error into one line, a hint and an exit code.
`options` declares what commands have in common; the other modules are one for each group of
commands. Nothing heavy is imported before a command needs it: the help comes at once.
"""
