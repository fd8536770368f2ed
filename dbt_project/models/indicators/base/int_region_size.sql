-- How large each region is (hukou population of the last month): a fixed order for withholding.
select region_code, max_by(persons, month_no) as persons
from {{ ref('int_hukou_population') }}
group by region_code
