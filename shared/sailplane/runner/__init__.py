"""Runs user code in child processes, and guards the process that feeds them.

`pool.Runner` is what the engine calls. A *template* process for each bundle has imported the DAG files and forks
*children*; a child runs one try after the other. The calling thread talks to its child by itself (`conversation`); one
thread for each template (`nursery`) has children forked and hears of their ends.
"""
