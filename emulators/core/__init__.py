"""What every local cloud has: the record of its calls, faults, control pages, a server, a life, and a command line.

A cloud fills in what is its own: the services, the requests they tell apart, and the words of each refusal.
"""
