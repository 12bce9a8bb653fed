"""Planner decisions turned into cloud writes: tick, worker, runs, registry, events."""
