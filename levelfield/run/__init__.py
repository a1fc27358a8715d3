"""How it is run: the plan's trials, each in a fresh worker process; the machine they run on."""
