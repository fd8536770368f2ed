"""Airflow: Programmes, standards, subsidy payments, welfare funds."""

from yinling.orchestration import landing_dag

dag = landing_dag("subsidy", cron="40 1 * * *")
