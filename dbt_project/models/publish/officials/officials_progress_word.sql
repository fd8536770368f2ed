-- The words for progress and their dated thresholds, to be printed where the words are used.
{{ config(alias='progress_word') }}
select
    word_code,
    status,
    word_zh,
    symbol,
    lag_over,
    lag_up_to,
    valid_from,
    valid_to
from {{ ref('progress_word') }}
