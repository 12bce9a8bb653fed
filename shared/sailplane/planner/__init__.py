"""Pure decisions: what follows from what is known. No I/O, no clock, no randomness; time is an argument."""
