"""Airflow: Social assistance, assessments, disability certificates, asset checks, difficulties."""

from yinling.orchestration import landing_dag

dag = landing_dag("assistance", cron="30 1 * * *")
