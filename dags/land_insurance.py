"""Airflow: Long-term-care insurance, pensions, employment contributions."""

from yinling.orchestration import landing_dag

dag = landing_dag("insurance", cron="25 1 * * *")
