"""Airflow: Household registration, number changes, deaths, custody, population counts."""

from yinling.orchestration import landing_dag

dag = landing_dag("population", cron="10 1 * * *")
