"""Airflow: Visits, home services, family beds, home adaptations, social workers."""

from yinling.orchestration import landing_dag

dag = landing_dag("service", cron="20 2 * * *")
