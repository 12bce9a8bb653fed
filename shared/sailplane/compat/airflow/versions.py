"""The releases whose behaviour Sailplane follows, for code that asks before it chooses a way."""

AIRFLOW = "3.3.2"
TASK_SDK = "1.3.2"
AIRFLOW_V_3_0_PLUS = AIRFLOW_V_3_1_PLUS = AIRFLOW_V_3_2_PLUS = AIRFLOW_V_3_3_PLUS = True
