"""Airflow: Gate 3 and the switch to the new release."""

from yinling.orchestration import release_dag

dag = release_dag()
