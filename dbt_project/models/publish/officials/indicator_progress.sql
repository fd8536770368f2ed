-- Each target with the latest figure of its region and how far that is (序时进度 from the document's
-- own baseline, month by month to the end of the target's year). Forecasts are not judged.
with

targets as (
    select target.*, catalogue.direction as good_direction, catalogue.unit
    from {{ ref('int_indicator_target') }} as target
    inner join {{ ref('int_indicator') }} as catalogue
        on catalogue.indicator_id = target.indicator_id
    where not target.is_baseline
),

baselines as (
    select
        target.indicator_id,
        target.target_no,
        max_by(base.year, base.year) as baseline_year,
        max_by(base.target_value, base.year) as baseline_value
    from targets as target
    inner join {{ ref('int_indicator_target') }} as base
        on base.indicator_id = target.indicator_id
        and base.document = target.document
        and base.is_baseline
        and base.target_value is not null
        and base.year < target.year
    group by target.indicator_id, target.target_no
),

figures as (
    select * from {{ ref('indicator_value') }}
    where period_kind = 'month'
),

-- The last month with a figure; where there never was one, the last month.
latest as (
    select
        indicator_id,
        region_code,
        coalesce(
            max(case when status_code in ('ok', 'suppressed') then period_end end),
            max(period_end)
        ) as period_end
    from figures
    group by indicator_id, region_code
),

faced as (
    select
        targets.*,
        baselines.baseline_year,
        baselines.baseline_value,
        latest.period_end,
        figures.value,
        figures.status_code as value_status_code,
        figures.data_through,
        at_due.value as value_at_due,
        case
            when targets.direction = 'at_most' or targets.good_direction = 'down' then -1
            else 1
        end as sense,
        (targets.year - baselines.baseline_year) * 12 as months_given,
        {{ month_number('latest.period_end') }} - (baselines.baseline_year * 12 + 12)
            as months_passed
    from targets
    left join latest
        on latest.indicator_id = targets.indicator_id
        and latest.region_code = targets.region_code
    left join figures
        on figures.indicator_id = latest.indicator_id
        and figures.region_code = latest.region_code
        and figures.period_end = latest.period_end
    left join figures as at_due
        on at_due.indicator_id = targets.indicator_id
        and at_due.region_code = targets.region_code
        and at_due.period_end = cast(targets.year || '-12-31' as date)
    left join baselines
        on baselines.indicator_id = targets.indicator_id
        and baselines.target_no = targets.target_no
),

expected as (
    select
        *,
        year is null or period_end >= cast(year || '-12-31' as date) as is_due,
        case
            when target_value is null then null
            -- A standing target and one that is due are owed in full.
            when year is null or period_end >= cast(year || '-12-31' as date) then target_value
            when baseline_value is null then null
            when months_passed <= 0 then baseline_value
            else baseline_value
                + case when target_value < baseline_value then -1 else 1 end
                * {{ ratio(
                    '100 * abs(target_value - baseline_value) * months_passed',
                    '100 * months_given',
                ) }}
        end as expected_value
    from faced
),

measured as (
    select
        *,
        sense * (value - target_value) >= 0 as is_met,
        -- Behind by so many percent of the target (of the baseline where the target is 0).
        case when value is not null and expected_value is not null then {{ ratio(
            '10000 * greatest(sense * (expected_value - value), 0)',
            '100 * abs(coalesce(nullif(target_value, 0), nullif(baseline_value, 0)))',
        ) }} end as lag_share
    from expected
),

judged as (
    select
        *,
        case
            when value is null then 'no_data'
            when target_value is null or good_direction = 'none' then 'cannot_tell'
            when is_met then 'met'
            when expected_value is null then 'cannot_tell'
            when not is_due and sense * (value - expected_value) >= 0 then 'on_track'
            else 'behind'
        end as verdict,
        case
            when value is null and value_status_code = 'suppressed' then '数值过小不公开'
            when value is null and value_status_code = 'not_applicable' then '不适用'
            when value is null then '未报'
            when target_value is null then '文件未给出目标数值'
            when good_direction = 'none' then '文件中为预测值，不作考核'
            when not is_met and expected_value is null then '文件未给出基期数值'
        end as reason_zh
    from measured
),

final as (
    select
        judged.indicator_id,
        judged.document,
        judged.region_code,
        judged.year,
        judged.period_end,
        judged.value,
        judged.unit,
        judged.target_value,
        judged.direction,
        judged.kind,
        cast(judged.value - judged.target_value as decimal(18, 4)) as distance,
        word.status,
        word.word_code,
        word.word_zh as status_zh,
        word.symbol,
        judged.reason_zh,
        judged.baseline_year,
        judged.baseline_value,
        cast(judged.expected_value as decimal(18, 4)) as expected_value,
        cast(judged.value - judged.expected_value as decimal(18, 4)) as pace_distance,
        case when judged.sense = 1 and judged.target_value > 0
            then cast(
                {{ ratio('10000 * judged.value', '100 * judged.target_value') }}
                as decimal(18, 4)
            )
        end as completion_rate,
        judged.lag_share,
        judged.is_due,
        judged.value_at_due,
        judged.clause,
        judged.note_zh,
        judged.data_through
    from judged
    left join {{ ref('progress_word') }} as word
        on word.valid_from <= coalesce(judged.period_end, word.valid_from)
        and (word.valid_to is null or word.valid_to > judged.period_end)
        and (
            word.word_code = judged.verdict
            or (
                judged.verdict = 'behind'
                and word.status = 'behind'
                and coalesce(judged.lag_share, 100) > word.lag_over
                and (word.lag_up_to is null or coalesce(judged.lag_share, 100) <= word.lag_up_to)
            )
        )
)

select * from final
