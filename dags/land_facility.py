"""Airflow: Facilities, stays, claims, staff, finance, inspections, complaints, queues."""

from yinling.orchestration import landing_dag

dag = landing_dag("facility", cron="0 2 * * *")
