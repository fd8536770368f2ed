"""Airflow: Facilities, stays, claims."""

from yinling.orchestration import landing_dag

dag = landing_dag("facility", cron="0 2 * * *")
