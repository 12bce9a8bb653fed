"""What of a folder of Airflow's DAG files runs here, found by reading them. None of their code is imported."""
