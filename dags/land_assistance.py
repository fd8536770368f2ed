"""Airflow: Social assistance, ability assessments, special difficulties."""

from yinling.orchestration import landing_dag

dag = landing_dag("assistance", cron="30 1 * * *")
