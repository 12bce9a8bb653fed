"""Files that say `from airflow...`, where Airflow itself is not installed."""
