"""Airflow: Visits, home services, meals, calls, training, volunteers, social workers."""

from yinling.orchestration import landing_dag

dag = landing_dag("service", cron="20 2 * * *")
