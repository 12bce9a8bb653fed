"""Files written for something else: how they run here."""
