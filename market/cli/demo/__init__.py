"""`commonwatt demo`: the whole market on one laptop, as real processes on a real local chain.

`command` is the console command, `stage` starts and stops the processes, `story` plays the buyer, `ledger` counts money
before and after, `report` shows what happened. Nothing here is a shortcut: every actor uses the public interfaces.
"""
