"""Small, made-up files with the published interface's tables, for tests that need a release.

`build_warehouse` writes the schemas `publish_officials` and `publish_auditors` (what dbt builds and
the release step copies) and runs the gate on them; `build_release` writes a finished
`releases/<id>/` with `current`. The same call gives the same rows. Nobody in it exists.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from quality.gates import run_gate
from yinling.settings import Settings

RELEASE_ID = "20261031-f1x7u2e000"
OFFICIALS = "publish_officials"
AUDITORS = "publish_auditors"

# Code, name, parent, square of side 0.4 degrees around this point (longitude, latitude).
_REGIONS = """
('440000000000','广东省','province',null,113.3,23.1),
('510000000000','四川省','province',null,104.1,30.6),
('370000000000','山东省','province',null,117.0,36.7),
('360000000000','江西省','province',null,115.9,28.7),
('440200000000','韶关市','prefecture','440000000000',113.6,24.8),
('440400000000','珠海市','prefecture','440000000000',113.5,22.3),
('510300000000','自贡市','prefecture','510000000000',104.8,29.3),
('370800000000','济宁市','prefecture','370000000000',116.6,35.4),
('360700000000','赣州市','prefecture','360000000000',114.9,25.8),
('440203000000','武江区','county','440200000000',113.5,24.8),
('440204000000','浈江区','county','440200000000',113.9,24.8),
('440205000000','曲江区','county','440200000000',113.6,24.4),
('440222000000','始兴县','county','440200000000',114.1,24.9),
('440224000000','仁化县','county','440200000000',113.8,25.2),
('440229000000','翁源县','county','440200000000',114.1,24.4),
('440232000000','乳源瑶族自治县','county','440200000000',113.1,24.8),
('440233000000','新丰县','county','440200000000',114.2,24.0),
('440281000000','乐昌市','county','440200000000',113.3,25.2),
('440282000000','南雄市','county','440200000000',114.4,25.2),
('440402000000','香洲区','county','440400000000',113.5,22.3),
('440403000000','斗门区','county','440400000000',113.1,22.3),
('440404000000','金湾区','county','440400000000',113.3,21.9),
('510302000000','自流井区','county','510300000000',104.8,29.3),
('510303000000','贡井区','county','510300000000',104.4,29.3),
('510304000000','大安区','county','510300000000',104.9,29.7),
('510311000000','沿滩区','county','510300000000',105.2,29.3),
('510321000000','荣县','county','510300000000',104.2,29.7),
('510322000000','富顺县','county','510300000000',105.0,28.9),
('370811000000','任城区','county','370800000000',116.6,35.4),
('370812000000','兖州区','county','370800000000',116.8,35.8),
('370881000000','曲阜市','county','370800000000',117.1,35.4),
('370883000000','邹城市','county','370800000000',117.0,35.0),
('360735000000','石城县','county','360700000000',116.3,26.3),
('360730000000','宁都县','county','360700000000',115.9,26.6),
('360781000000','瑞金市','county','360700000000',116.0,25.8)
"""

# Indicator, theme, names, unit, counts of persons?, base of the made-up county figures, its share.
_INDICATORS = """
('elderly_share_60plus','population','60岁及以上人口占比','Population share aged 60+','%',
 'higher_is_context',true,90000,0.21),
('elderly_share_65plus','population','65岁及以上人口占比','Population share aged 65+','%',
 'higher_is_context',true,90000,0.15),
('nursing_bed_share','facility','护理型床位占比','Share of nursing beds','%','up',false,900,0.55),
('elder_care_bed_total','facility','养老床位总数','Elder-care beds','张','up',false,0,1100),
('monthly_visit_rate','home_service','特殊困难老年人月探访率','Monthly visit rate','%',
 'up',true,1200,0.93),
('public_facility_occupancy_rate','facility','公办养老机构入住率','Public facility occupancy','%',
 'up',true,420,0.61),
('township_comprehensive_facility_coverage','facility','乡镇街道综合养老服务设施覆盖率',
 'Townships with a comprehensive facility','%','up',false,14,0.64),
('home_adaptation_households','home_service','适老化改造户数','Households adapted','户',
 'up',false,0,180),
('social_workers_per_1000_elders','workforce','每千名老年人社会工作者数',
 'Social workers per 1000 elders','人/千名','up',true,19000,0.001),
('lottery_fund_elder_care_share','fund','福彩公益金用于养老服务比例','Lottery fund share','%',
 'up',false,8000000,0.57),
('ltci_coverage_rate','medical_care','长期护理保险参保率','LTCI coverage','%',
 'up',true,80000,0.72),
('family_care_bed_count','home_service','家庭养老床位数','Family care beds','张','up',false,0,60)
"""

_RULES = """
('L01','死亡后仍发放个人补贴','Deceased still paid a personal benefit','life','A','S1',14),
('L03','死亡后机构仍申报补贴','Facility claims for a dead resident','life','A','S1',5),
('L07','申报死亡日期晚于权威日期','Payer''s death date later than certificate','life','A','S1',6),
('D01','跨县区重复领取同一补贴','Same benefit from two counties','duplicate','A','S1',7),
('D07','机构在院期间领居家类补贴','Home-care benefit while in a facility','duplicate','A','S2',9),
('D08','同日两机构在院','One elder in two facilities','duplicate','A','S1',3),
('E01','未达年龄领取','Under age','eligibility','A','S1',8),
('F01','申报人数超过在院人数','More claimed than resident','facility','A','S1',4),
('H01','服务时间重叠','Overlapping service','home_service','A','S2',6),
('H03','服务时长异常','Implausible service time','home_service','C','S3',5),
('N01','多人共用收款账户','Many payees on one account','network','C','S3',4),
('U01','应享未享高龄津贴','Eligible but not paid','under_claim','B','S3',12)
"""

_SQL = f"""
create temp table r as select * from (values {_REGIONS}) t(code, name, level, parent, x, y);
create temp table i as select * from (values {_INDICATORS})
  t(indicator_id, theme, name_zh, name_en, unit, direction, person_counts, base, share);
create temp table rl as select * from (values {_RULES})
  t(rule_id, name_zh, name_en, family, class, severity, leads);
create temp table m as
  select last_day(d::date) as period_end
  from generate_series(date '2024-11-01', date '2026-10-01', interval 1 month) g(d);

create temp table leaf as  -- county figures; everything above is their sum
select i.*, r.code, r.parent, m.period_end,
  0.8 + (hash(r.code) % 400) / 1000.0
    + date_diff('month', date '2024-11-01', m.period_end) * 0.002 as k
from i cross join r cross join m where r.level = 'county';
create temp table county as
select indicator_id, code, parent, period_end, unit, person_counts,
  round(case when base = 0 then share * k
    else least(round(base * k), round(base * k) * least(share * (0.9 + k / 10), 1)) end
  )::decimal(18,2) as numerator,
  case when base > 0 then round(base * k)::decimal(18,2) end as denominator
from leaf;
create temp table tree as
select r.code, r.level, c.code as county from r join r c on c.level = 'county'
  and (c.code = r.code or c.parent = r.code
       or c.parent in (select p.code from r p where p.parent = r.code));

create table {OFFICIALS}.indicator_value as
select c.indicator_id, t.code as region_code, t.level as region_level, c.period_end,
  'month' as period_kind, sum(c.numerator)::decimal(18,2) as numerator,
  sum(c.denominator)::decimal(18,2) as denominator,
  case any_value(c.unit) when '%' then 100 when '人/千名' then 1000 else 1 end
    * sum(c.numerator)::decimal(18,2)
    / coalesce(nullif(sum(c.denominator), 0), 1) as raw_value,
  any_value(c.unit) as unit, 'computed' as value_kind, 'ok' as status_code,
  c.period_end as data_through
from county c join tree t on t.county = c.code
group by c.indicator_id, t.code, t.level, c.period_end;
create or replace table {OFFICIALS}.indicator_value as
select indicator_id, region_code, region_level, period_end, period_kind, numerator, denominator,
  round(raw_value, 4)::decimal(18,4) as value, unit, value_kind, status_code, data_through
from {OFFICIALS}.indicator_value;
-- Two counties have not delivered their social workers; two small ones are withheld.
update {OFFICIALS}.indicator_value set numerator = null, denominator = null, value = null,
  status_code = 'not_delivered'
where indicator_id = 'social_workers_per_1000_elders' and region_code in
  ('510304000000', '370883000000');
update {OFFICIALS}.indicator_value set numerator = null, denominator = null, value = null,
  status_code = 'suppressed'
where indicator_id = 'public_facility_occupancy_rate' and region_code in
  ('440233000000', '440232000000');

create table {OFFICIALS}.indicator as
select indicator_id, theme, name_zh, name_en, name_zh || '：按口径表计算' as definition_zh,
  '分子：见口径表' as numerator_zh, case when base > 0 then '分母：见口径表' end as denominator_zh,
  unit, direction, theme as feeds, 'computed' as value_kind, 'monthly' as frequency,
  '1' as definition_version, date '2021-01-01' as definition_from,
  '掌握本地区的总体情况' as usable_for_zh, '考核个人或单家机构' as not_for_zh,
  '民政厅养老服务处' as office_zh
from i;
create table {OFFICIALS}.indicator_target as
select * replace (target_value::decimal(18,4) as target_value) from (values
 ('nursing_bed_share','shaoguan','440200000000',2025,55.0,'at_least','binding',false,'二(三)'),
 ('nursing_bed_share','shaoguan','440200000000',2021,46.0,'equal','binding',true,'二(三)'),
 ('nursing_bed_share','sichuan','510000000000',2025,55.0,'at_least','task',false,'一'),
 ('nursing_bed_share','yanzhou','370812000000',2025,75.0,'at_least','task',false,'二16'),
 ('monthly_visit_rate','shaoguan','440200000000',2025,100.0,'equal','expected',false,'二(三)'),
 ('elderly_share_60plus','shicheng','360735000000',2025,20.0,'equal','expected',false,'一'),
 ('monthly_visit_rate','shicheng','360735000000',2025,100.0,'equal','expected',false,'二'),
 ('elder_care_bed_total','zhuhai','440400000000',2025,9000.0,'at_least','binding',false,'二')
) t(indicator_id, document, region_code, year, target_value, direction, kind, is_baseline, clause);
create table {OFFICIALS}.indicator_progress as
select t.indicator_id, t.document, t.region_code, t.year, v.period_end, v.value, i.unit,
  t.target_value, t.direction, t.kind,
  (v.value - t.target_value)::decimal(18,4) as distance,
  w.status, w.word_code, w.status_zh, w.symbol,
  case when v.value is null then '未报' end as reason_zh,
  2021 as baseline_year, (t.target_value * 0.8)::decimal(18,4) as baseline_value,
  t.target_value::decimal(18,4) as expected_value,
  (v.value - t.target_value)::decimal(18,4) as pace_distance,
  (100 * v.value / t.target_value)::decimal(18,4) as completion_rate,
  greatest(100 * (t.target_value - v.value) / t.target_value, 0)::decimal(18,4) as lag_share,
  t.year <= 2025 as is_due, null::decimal(18,4) as value_at_due, t.clause,
  null::varchar as note_zh, v.period_end as data_through
from {OFFICIALS}.indicator_target t join i using (indicator_id)
left join {OFFICIALS}.indicator_value v
  on v.indicator_id = t.indicator_id and v.region_code = t.region_code
  and v.period_end = date '2026-10-31'
join (values ('met','met','已达标','●'), ('behind','slightly_behind','略滞后','■'),
  ('behind','far_behind','明显滞后','■'), ('no_data','no_data','无数据','—')
  ) w(status, word_code, status_zh, symbol)
  on w.word_code = case when v.value is null then 'no_data' when v.value >= t.target_value
    then 'met' when v.value >= t.target_value * 0.95 then 'slightly_behind' else 'far_behind' end
where not t.is_baseline;
create table {OFFICIALS}.region as
select r.code as region_code, r.name, r.level as region_level, r.parent as parent_code,
  coalesce(case r.level when 'province' then r.code when 'prefecture' then r.parent end,
    p.parent) as province_code,
  case r.level when 'prefecture' then r.code when 'county' then r.parent end as prefecture_code,
  case r.level when 'county' then r.code end as county_code,
  date '2013-11-01' as valid_from, null::date as valid_to, true as is_current
from r left join r p on p.code = r.parent;
create table {OFFICIALS}.region_shape as
select code as region_code, name, level as region_level,
  '{{"type":"Polygon","coordinates":[[' || array_to_string([
    '[' || (x - d) || ',' || (y - d) || ']', '[' || (x - d) || ',' || (y + d) || ']',
    '[' || (x + d) || ',' || (y + d) || ']', '[' || (x + d) || ',' || (y - d) || ']',
    '[' || (x - d) || ',' || (y - d) || ']'], ',') || ']]}}' as geometry
from (select *, case level when 'county' then 0.19 else 0.8 end as d from r
      where level in ('county', 'prefecture'));
create table {OFFICIALS}.progress_word as
select word_code, status, word_zh, symbol, lag_over::decimal(9,4) as lag_over,
  lag_up_to::decimal(9,4) as lag_up_to, date '2021-01-01' as valid_from, null::date as valid_to
from (values ('met','met','已达标','●',null,null),
  ('on_track','on_track','达到序时进度','▲',null,null),
  ('slightly_behind','behind','略滞后','■',0,5), ('far_behind','behind','明显滞后','■',5,null),
  ('cannot_tell','no_data','无法判断','—',null,null), ('no_data','no_data','无数据','—',null,null)
  ) w(word_code, status, word_zh, symbol, lag_over, lag_up_to);
create table {OFFICIALS}.feed_health as
select dataset, dataset_zh, owner, provider, provider_name, region_code, 'monthly' as cadence,
  '2026-10' as last_period, date '2026-10-31' as data_through,
  timestamp '2026-11-05 09:00:00' as last_delivered_at, date '2026-12-15' as next_due_on,
  3::bigint as days_since_delivery, 24::bigint as batches, 23::bigint as batches_on_time,
  (20000 + n * 1000)::bigint as rows_read, (20000 + n * 993)::bigint as rows_loaded,
  (n * 7)::bigint as rows_quarantined,
  (100.0 * n * 7 / (20000 + n * 1000))::decimal(18,4) as quarantine_share,
  case when n = 6 or region_code = '370883000000' then 'late' else 'on_time' end as status
from (select f.*, null as region_code, null as provider_name from (values
    ('household_person','户籍人员','公安户籍','gongan',1),
    ('subsidy_payment','补贴发放明细','民政','minzheng',2),
    ('home_visit','探访记录','民政','minzheng',5),
    ('death_certificate','死亡医学证明','卫健','weijian',6),
    ('medical_enrolment','医保参保','医保','yibao',7)
  ) f(dataset, dataset_zh, owner, provider, n)
  union all
  select d.dataset, d.dataset_zh, '民政', left(r.code, 6), d.n, r.code, r.name
  from r cross join (values ('facility','养老服务设施',3), ('facility_stay','机构入住',4))
    d(dataset, dataset_zh, n)
  where r.level = 'county');

create table {OFFICIALS}.health_dimension as
select * from (values
  ('freshness',1,'新鲜度','时效性',100,90), ('timeliness',2,'及时性','时效性',100,90),
  ('completeness',3,'完整性','完整性',99,95), ('validity',4,'有效性','规范性',99,95),
  ('uniqueness',5,'唯一性','准确性',100,99), ('consistency',6,'一致性','一致性',100,90)
  ) d(dimension, sort_no, name_zh, standard_zh, good_from, fair_from),
  (values ('按定义计算', '符合的数', '全部的数')) w(definition_zh, numerator_zh, denominator_zh);
create table {OFFICIALS}.health_month as
select dataset, dataset_zh, owner, provider, provider_name, region_code, month, dimension,
  case when state = 0 then parts - missed end as numerator, case when state = 0 then parts end
    as denominator,
  case when state = 0 then (100.0 * (parts - missed) / parts)::decimal(18,4) end as value,
  case when dimension in ('freshness', 'timeliness') then missed * 9 end as days,
  case state when 1 then 'not_delivered' when 2 then 'suppressed' else
    case when missed = 0 then 'good' when missed * 20 <= parts then 'fair' else 'poor' end end
    as status_code
from (
  select f.*, date_trunc('month', m.period_end)::date as month, d.dimension,
    case when d.dimension in ('freshness', 'timeliness', 'consistency') then 1 else 200 end::bigint
      as parts,
    case when d.dimension in ('freshness', 'timeliness', 'consistency')
      then (hash(f.dataset, f.provider, m.period_end) % 9 = 0)::bigint
      else (hash(f.dataset, f.provider, m.period_end, d.dimension) % 7)::bigint * d.sort_no end
      as missed,
    case when d.dimension in ('completeness', 'validity', 'uniqueness') then
      case when f.region_code = '440233000000' and month(m.period_end) = 9 then 1
        when f.region_code = '440232000000' and month(m.period_end) = 8 then 2 else 0 end
      else 0 end as state
  from (select dataset, dataset_zh, owner, provider, provider_name, region_code
        from {OFFICIALS}.feed_health) f
  cross join m cross join {OFFICIALS}.health_dimension d);
create table {OFFICIALS}.health_delivery as
select dataset || '.' || provider || '.' || strftime(month, '%Y-%m') || '.0001' as delivery_id,
  dataset, dataset_zh, owner, provider, provider_name, region_code,
  strftime(month, '%Y-%m') as period, month, 1::bigint as sequence,
  case when n <> 5 then last_day(month)::timestamp + to_days((n % 12)::int) end as delivered_at,
  last_day(month) + 8 as due_on, case when n <> 5 then greatest(n % 12 - 8, 0) end as days_late,
  case when n not in (5, 6) then 200::bigint end as rows_read,
  case when n not in (5, 6) then case n when 7 then 30 else n % 4 end end as rows_refused,
  case n when 5 then 'missing' when 6 then 'rejected'
    when 7 then 'partly_accepted'
    else case when n % 4 > 0 then 'accepted_with_errors' else 'accepted' end end as status,
  case n when 6 then '行数与控制记录不符' end as reason_zh
from (select *, (hash(dataset, provider, month) % 24)::bigint as n
      from {OFFICIALS}.health_month where dimension = 'timeliness');
create table {OFFICIALS}.health_refusal as
select h.dataset, h.dataset_zh, h.owner, h.provider, h.provider_name, h.region_code, h.month,
  q.column_name, q.column_zh, q.reason, q.reason_zh, q.dimension,
  h.denominator - h.numerator as refused_rows, h.denominator as rows_read
from {OFFICIALS}.health_month h join (values
  ('completeness', 'name', '名称', 'missing_required', '必填项为空'),
  ('validity', 'kind', '类型', 'bad_code', '代码不在代码表中'),
  ('uniqueness', 'facility_code', '编码', 'duplicate_key', '与本批次中更早的一行主键重复')
  ) q(dimension, column_name, column_zh, reason, reason_zh) on q.dimension = h.dimension
where h.denominator > h.numerator;

create table {OFFICIALS}.population as
select v.region_code, v.region_level, v.period_end as month, v.denominator as persons,
  v.numerator as persons_60plus,
  (select w.numerator from {OFFICIALS}.indicator_value w where w.region_code = v.region_code
     and w.period_end = v.period_end and w.indicator_id = 'elderly_share_65plus')
    as persons_65plus
from {OFFICIALS}.indicator_value v where v.indicator_id = 'elderly_share_60plus';
"""

# Theme table -> (indicator that feeds it, column names of denominator and numerator).
_THEMES = {
    "facility": ("nursing_bed_share", "beds_total", "beds_nursing"),
    "home_service": ("monthly_visit_rate", "persons_registered", "persons_visited"),
    "medical_care": ("ltci_coverage_rate", "persons_enrolled", "persons_ltci"),
    "workforce": ("social_workers_per_1000_elders", "persons_60plus", "persons_social_worker"),
    "subsidy": ("lottery_fund_elder_care_share", "budget_amount", "paid_amount"),
    "fund": ("lottery_fund_elder_care_share", "total_amount", "eldercare_amount"),
    "supply_demand": ("elder_care_bed_total", "persons_60plus", "beds_total"),
}

_AUDIT_SQL = f"""
create table {AUDITORS}.region as
select region_code, name, region_level, parent_code, province_code, prefecture_code, county_code,
  is_current from {OFFICIALS}.region;
create table {AUDITORS}.programme as select * from (values
  ('old_age_allowance', '高龄津贴', 'personal'),
  ('facility_operating_subsidy', '养老机构运营补贴', 'facility')) t(programme_code, name, class);
create table {AUDITORS}.dataset as select * from (values
  ('subsidy_payment', '补贴发放明细', '民政'), ('death_certificate', '死亡医学证明', '卫健'),
  ('facility_stay', '机构入住', '民政')) t(dataset, dataset_zh, owner);
create table {AUDITORS}.rule as
select rule_id, '1' as rule_version, name_zh, name_en, family, class, severity,
  '两份记录相互矛盾时提出线索；是否属实须经核实。' as logic_zh,
  '死亡当月、补发、冲正不计' as guards_zh,
  '社会救助暂行办法' as legal_basis, '{{}}' as parameters, false as suspended,
  null::varchar as suspended_reason
from rl;
create table {AUDITORS}.finding as
select md5(rule_id || '|' || n) || md5(n || rule_id) as finding_id, rule_id, '1' as rule_version,
  class, severity, case when rule_id in ('F01', 'L03') then 'facility' else 'person' end
    as subject_kind,
  case when rule_id in ('F01', 'L03') then 'YL' || (10000 + n) else md5('p' || rule_id || n) end
    as subject_key,
  case when rule_id not in ('F01', 'L03') then left(county, 4) || '**********'
    || lpad((hash(n, rule_id) % 10000)::varchar, 4, '0') end as subject_mask,
  county as region_code, case when family in ('life', 'duplicate', 'eligibility')
    then 'old_age_allowance' end as programme_code,
  (date '2026-01-01' + to_months((n % 5)::int))::date as first_month,
  (date '2026-06-01' + to_months((n % 5)::int))::date as last_month,
  (50.00 * (1 + n % 6))::decimal(18,2) as amount_low,
  (100.00 * (1 + n % 6))::decimal(18,2) as amount_point,
  (100.00 * (1 + n % 6))::decimal(18,2) as amount_high,
  case n % 2 when 0 then 'M1' else 'M2' end as match_tier, 'K' || n % 3 as known_class,
  'new' as status, null::varchar as outcome
from (select rl.*, g.n, (select list(code order by code) from r where level = 'county')
        [1 + (hash(rl.rule_id, g.n) % 26)::int] as county
      from rl, generate_series(1, 14) g(n) where g.n <= rl.leads);
create table {AUDITORS}.finding_evidence as
select finding_id, case k when 1 then 'payment' else 'death' end as role,
  case k when 1 then 'subsidy_payment' else 'death_certificate' end as dataset,
  case k when 1 then 'subsidy_payment.minzheng.2026-10.0001'
    else 'death_certificate.weijian.2026-10.0001' end as batch_id,
  (hash(finding_id, k) % 3000 + 1)::bigint as row_no,
  timestamp '2026-11-02 08:00:00' as known_at,
  case k when 1 then json_object('benefit_month', strftime(last_month, '%Y-%m'),
      'amount', amount_point::varchar)
    else json_object('death_date', strftime(first_month - interval 20 day, '%Y-%m-%d'))
    end::varchar as fields
from {AUDITORS}.finding, generate_series(1, 2) g(k);
create table {AUDITORS}.batch as
select dataset || '.' || provider || '.' || strftime(m.period_end, '%Y-%m') || '.0001' as batch_id,
  dataset, provider, strftime(m.period_end, '%Y-%m') as period, 1::bigint as sequence,
  dataset || '.csv' as file, sha256(dataset || m.period_end) as sha256,
  m.period_end::timestamp + interval 5 day as received_at, 3100::bigint as rows_read,
  3090::bigint as rows_loaded, 10::bigint as rows_quarantined
from m, (values ('subsidy_payment', 'minzheng'), ('death_certificate', 'weijian'),
  ('facility_stay', '440203')) d(dataset, provider);
create table {AUDITORS}.exposure as
select case rule_id when 'U01' then 'owed' else 'at_risk' end as side,
  'subsidy_payment' as dataset, programme_code, region_code, last_month as month,
  count(*) as payments, count(distinct finding_id) as findings,
  sum(amount_low)::decimal(18,2) as amount_low, sum(amount_point)::decimal(18,2) as amount_point,
  sum(amount_high)::decimal(18,2) as amount_high
from {AUDITORS}.finding group by all;
create table {AUDITORS}.rule_performance as
select rule_id, count(*) as leads, count(outcome) as concluded,
  count(*) filter (outcome = 'confirmed') as confirmed,
  count(*) filter (outcome = 'explained') as explained, null::decimal(18,4) as precision_share,
  sum(amount_point)::decimal(18,2) as amount_point
from {AUDITORS}.finding group by rule_id;
create table {AUDITORS}.case_queue as
select row_number() over (order by severity, amount_point desc, finding_id) as queue_no,
  row_number() over (partition by region_code order by severity, amount_point desc, finding_id)
    as region_queue_no,
  finding_id, rule_id, case rule_id when 'U01' then 'owed' else 'at_risk' end as side, class,
  severity, region_code, amount_point, finding_id < '0c' as is_control_sample,
  case class when 'A' then '两份记录直接矛盾，全部核查' else '按风险排序' end
    as priority_reason_zh, status
from {AUDITORS}.finding;
"""


def _fill(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"create schema {OFFICIALS}; create schema {AUDITORS}")
    connection.execute(_SQL)
    for table, (indicator, whole, part) in _THEMES.items():
        connection.execute(
            f"create table {OFFICIALS}.{table} as select region_code, region_level, "
            f"period_end as month, denominator as {whole}, numerator as {part} "
            f"from {OFFICIALS}.indicator_value where indicator_id = ?",
            [indicator],
        )
    connection.execute(_AUDIT_SQL)


def build_warehouse(settings: Settings) -> None:
    """Write the two publish schemas into the home's warehouse, and let its gate pass."""
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.warehouse)) as connection:
        _fill(connection)
        connection.execute(
            "create schema staging; create table staging.run_state as "
            "select 1 as run, true as is_whole, true as was_whole"
        )
    run_gate(settings, "warehouse")


def build_release(home: Path, release_id: str = RELEASE_ID) -> Path:
    """Write `releases/<release_id>/` with both files, the manifest and the pointer `current`.

    Returns the folder. The files hold what a published release holds, `release`,
    `quality_result` and the findings' release columns included.
    """
    folder = home / "releases" / release_id
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        _fill(connection)
        for schema in (OFFICIALS, AUDITORS):
            name = schema.removeprefix("publish_")
            connection.execute(f"attach '{folder / (name + '.duckdb')}' as {name}")
            tables = connection.execute(
                "select table_name from duckdb_tables() where schema_name = ?", [schema]
            ).fetchall()
            extra = {
                "indicator_value": f", '{release_id}' as release_id",
                "finding": f", '{release_id}' as first_seen_release, "
                f"'{release_id}' as last_seen_release",
            }
            for (table,) in tables:
                connection.execute(
                    f"create table {name}.{table} as "
                    f"select *{extra.get(table, '')} from {schema}.{table}"
                )
            connection.execute(
                f"create table {name}.release as select '{release_id}' as release_id, "
                "date '2026-10-31' as data_date, timestamp '2026-11-09 02:00:00' as published_at, "
                "null::varchar as previous_release_id, repeat('0', 64) as project_fingerprint, "
                "true as synthetic"
            )
            connection.execute(
                f"create table {name}.quality_result as select * from (values "
                "('warehouse.fct_payment.key', 'warehouse', 'fct_payment', '主键唯一', 'stop', "
                "'pass', 0::bigint, 48000::bigint, 0::double, 'ok', null::timestamp), "
                "('landing.facility.freshness', 'landing', 'facility', '按期报送', 'warn', 'fail', "
                "1, 1, 0, 'new', timestamp '2026-11-08 02:00:00')) "
                "t(check_id, gate, scope, name_zh, severity, status, numerator, denominator, "
                "threshold, state, since)"
            )
            connection.execute(f"detach {name}")
    manifest = {"release_id": release_id, "data_date": "2026-10-31", "synthetic": True}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    pointer = home / "releases" / "current"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(release_id)
    return folder
