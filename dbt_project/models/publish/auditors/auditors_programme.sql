-- Names of the programmes that findings and payments carry the codes of.
{{ config(alias='programme') }}
select
    programme_code,
    name,
    class
from {{ ref('dim_programme') }}
