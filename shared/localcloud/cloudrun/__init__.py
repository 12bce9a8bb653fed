"""A small Cloud Run: functions-framework processes that start when requests come and stop when none do."""
