"""Airflow: Administrative divisions and their boundaries."""

from yinling.orchestration import landing_dag

dag = landing_dag("reference", cron="0 1 * * *")
