"""Airflow: Gate 1, dbt build, gate 2."""

from yinling.orchestration import warehouse_dag

dag = warehouse_dag(cron="0 5 * * *")
