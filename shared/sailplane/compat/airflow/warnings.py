"""Airflow's categories of warnings: DAG files name them in filters."""


class RemovedInAirflow4Warning(DeprecationWarning):
    """Something that Airflow 4 will not have."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Something that a provider will not have for long."""
