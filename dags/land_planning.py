"""Airflow: Construction projects, land supply, declarations of policies."""

from yinling.orchestration import landing_dag

dag = landing_dag("planning", cron="40 2 * * *")
