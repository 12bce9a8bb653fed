"""All of Sailplane on one machine: the local cloud with the four functions, and a folder of DAGs that is watched."""
