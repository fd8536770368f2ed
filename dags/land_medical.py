"""Airflow: Medical enrolment and settlements, health institutions, family doctors."""

from yinling.orchestration import landing_dag

dag = landing_dag("medical", cron="20 1 * * *")
