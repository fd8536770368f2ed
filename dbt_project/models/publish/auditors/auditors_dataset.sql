-- Names of the datasets that evidence rows lie in, from their contracts.
{{ config(alias='dataset') }}
select
    dataset,
    title as dataset_zh,
    owner
from {{ ref('int_dataset') }}
