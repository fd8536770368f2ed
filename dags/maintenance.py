"""Airflow: Bounds everything that grows."""

from yinling.orchestration import maintenance_dag

dag = maintenance_dag(cron="0 12 * * 0")
