"""Bases of classes that Airflow loads as plugins. Sailplane takes the declarations and loads none of them."""


class AirflowPlugin:
    """Base of a plugin's declaration. What it lists is used where a DAG file names it itself."""

    name: str | None = None
