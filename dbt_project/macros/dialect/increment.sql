{#
    Engine side of the incremental models. DuckDB adds only batches not yet loaded; Spark, on plain
    Parquet, rewrites these models in full with the same SQL.
#}

{#
    Whether this run adds to a model that is already there. Not when a full delivery has come that
    takes the place of batches the model has loaded, nor when two numbers turned out to be two
    persons after all: then the model starts over.
#}
{% macro adds_to_existing() %}{{ return(adapter.dispatch('adds_to_existing')()) }}{% endmacro %}
{% macro duckdb__adds_to_existing() -%}
    {%- if is_incremental() and var('known_as_of') -%}
        {% do exceptions.raise_compiler_error(
            'known_as_of needs a warehouse of its own, built in full: '
            ~ 'use `yinling build --known-as-of DAY`, or dbt with --full-refresh on another path.'
        ) %}
    {%- endif -%}
    {{ return(is_incremental() and not replaced_since_loaded() and not parted_since_loaded()) }}
{%- endmacro %}
{% macro spark__adds_to_existing() %}{{ return(false) }}{% endmacro %}

{% macro replaced_since_loaded() -%}
    {%- set found = run_query(
        "with mine as (select b.*, l.batch_id is not null as is_loaded"
        ~ " from staging.lake_batch as b left join staging.load_log as l"
        ~ " on l.model = '" ~ this.identifier ~ "' and l.batch_id = b.batch_id"
        ~ " where b.dataset in (select dataset from staging.load_log where model = '"
        ~ this.identifier ~ "'))"
        ~ " select count(*) from mine as f inner join mine as b using (dataset, scope)"
        ~ " where f.replaces and not f.is_loaded and b.is_loaded and b.place < f.place"
    ) -%}
    {{ return(found.columns[0].values()[0] > 0) }}
{%- endmacro %}

{% macro parted_since_loaded() -%}
    {%- set found = run_query(
        "select count(*) from staging.renumbering where parted_at >"
        ~ " (select max(loaded_at) from staging.load_log where model = '" ~ this.identifier ~ "')"
    ) -%}
    {{ return(found.columns[0].values()[0] > 0) }}
{%- endmacro %}

{#
    Post-hook of int_person_renumbered: keep which numbers were ever taken for one person, and since
    when they no longer are (a change of number was withdrawn, or leads elsewhere).
#}
{% macro note_partings() %}{{ return(adapter.dispatch('note_partings')()) }}{% endmacro %}
{% macro duckdb__note_partings() -%}
    delete from staging.renumbering as before using {{ this }} as r
    where before.id_token = r.id_token and before.person_key = r.person_key;
    update staging.renumbering set parted_at = cast(now() as timestamp)
    where
        parted_at is null
        and coalesce((
            select r.person_key from {{ this }} as r where r.id_token = renumbering.id_token
        ), id_token) <> coalesce((
            select r.person_key from {{ this }} as r where r.id_token = renumbering.person_key
        ), person_key);
    insert into staging.renumbering
    select r.id_token, r.person_key, null from {{ this }} as r;
{%- endmacro %}
{% macro spark__note_partings() %}{% endmacro %}

{# Pre-hook statement: empty a model that is there but starts over. #}
{% macro start_over() -%}
    {%- if is_incremental() and not adds_to_existing() %}
    delete from {{ this }};
    {%- endif %}
{%- endmacro %}

{# dbt's strategy for the incremental models. #}
{% macro increment_strategy() %}{{ return(adapter.dispatch('increment_strategy')()) }}{% endmacro %}
{% macro duckdb__increment_strategy() %}{{ return('delete+insert') }}{% endmacro %}
{% macro spark__increment_strategy() %}{{ return('insert_overwrite') }}{% endmacro %}

{#
    Before a run: number it, and the warehouse is not whole until it ends (`staging.run_state`); fix
    which batches it sees (`staging.lake_batch`), so that models of one run agree while landing goes
    on, and which refused keys keep their last sound version (`staging.kept_key`); and keep the log
    of what each model has loaded (`staging.load_log`) and of numbers that were taken for one person
    (`staging.renumbering`).
#}
{% macro open_run() %}{{ return(adapter.dispatch('open_run')()) }}{% endmacro %}
{% macro duckdb__open_run() -%}
    create schema if not exists staging;
    create table if not exists staging.run_state as
    select 0 as run, false as is_whole, false as was_whole;
    update staging.run_state set run = run + 1, was_whole = is_whole, is_whole = false;
    create or replace table staging.lake_batch as
    with placed as (
        {{ placed_batches() }}
    )
    select placed.*, files.file
    from placed
    inner join (
        select file, string_split(file, '/')[-2] as batch_id
        from glob('{{ env_var('YINLING_LAKE') }}/*/*/data.parquet')
    ) as files on placed.batch_id = files.batch_id;
    create or replace table staging.kept_key as
    {{ kept_keys() }};
    create table if not exists staging.load_log (
        model varchar, dataset varchar, batch_id varchar, loaded_at timestamp
    );
    create table if not exists staging.renumbering (
        id_token varchar, person_key varchar, parted_at timestamp
    );
{%- endmacro %}
{% macro spark__open_run() %}{% endmacro %}

{#
    After a run: the warehouse is whole when nothing failed, and either all models were asked for
    or it was whole before. The gate and the release ask for this.
#}
{% macro close_run(results) %}{{ return(adapter.dispatch('close_run')(results)) }}{% endmacro %}
{% macro duckdb__close_run(results) -%}
    {%- if execute -%}
        {%- set sound = ['success', 'pass', 'warn', 'no-op', 'reused'] -%}
        {%- set unsound = results | map(attribute='status') | map('string') | reject('in', sound) -%}
        {%- set all_models = invocation_args_dict.which in ('build', 'run')
            and not invocation_args_dict.select and not invocation_args_dict.selector -%}
        update staging.run_state
        set is_whole = {{ not (unsound | list) }} and (was_whole or {{ all_models }});
    {%- endif -%}
{%- endmacro %}
{% macro spark__close_run(results) %}{% endmacro %}

{# Table expression: the dataset's rows of the batches that the model being built has not loaded. #}
{% macro unloaded_rows(dataset) %}
    {{- return(adapter.dispatch('unloaded_rows')(dataset)) -}}
{% endmacro %}
{% macro duckdb__unloaded_rows(dataset) -%}
    {%- set files = [env_var('YINLING_LAKE') ~ '/' ~ dataset ~ '/0-schema/data.parquet'] -%}
    {%- if execute -%}
        {%- set found = run_query(
            "select b.file from staging.lake_batch as b anti join staging.load_log as l"
            ~ " on l.model = '" ~ this.identifier ~ "' and l.dataset = b.dataset"
            ~ " and l.batch_id = b.batch_id where b.dataset = '" ~ dataset ~ "' order by b.file"
        ) -%}
        {%- do files.extend(found.columns[0].values()) -%}
    {%- endif -%}
    read_parquet(['{{ files | unique | join("', '") }}'], union_by_name = true)
{%- endmacro %}

{# Post-hook: the model has loaded all batches of these datasets that this run sees. #}
{% macro mark_loaded(datasets) %}{{ return(adapter.dispatch('mark_loaded')(datasets)) }}{% endmacro %}
{% macro duckdb__mark_loaded(datasets) -%}
    {%- if not adds_to_existing() -%}
        delete from staging.load_log where model = '{{ this.identifier }}';
    {%- endif %}
    insert into staging.load_log
    select '{{ this.identifier }}', b.dataset, b.batch_id, cast(now() as timestamp)
    from staging.lake_batch as b
    anti join staging.load_log as l
        on l.model = '{{ this.identifier }}' and l.dataset = b.dataset and l.batch_id = b.batch_id
    where b.dataset in ('{{ datasets | join("', '") }}');
{%- endmacro %}
{% macro spark__mark_loaded(datasets) %}{% endmacro %}

{# Condition of a test: the row came into the (incremental) model with its latest load. #}
{% macro loaded_last(relation) %}{{ return(adapter.dispatch('loaded_last')(relation)) }}{% endmacro %}
{% macro duckdb__loaded_last(relation) -%}
    batch_id in (
        select b.delivery_id
        from staging.load_log as l
        inner join staging.lake_batch as b on l.batch_id = b.batch_id
        where l.model = '{{ relation.identifier }}'
        qualify l.loaded_at = max(l.loaded_at) over ()
    )
{%- endmacro %}
{% macro spark__loaded_last(relation) %}true{% endmacro %}

{#
    Pre-hook: give rows already loaded the person keys of today's id-change table.
    pairs: {key column: token column}.
#}
{% macro renumber(pairs) %}{{ return(adapter.dispatch('renumber')(pairs)) }}{% endmacro %}
{% macro duckdb__renumber(pairs) -%}
    {{ start_over() }}
    {%- if adds_to_existing() -%}
        {%- for key, token in pairs.items() %}
        update {{ this }} as t set {{ key }} = r.person_key
        from {{ ref('int_person_renumbered') }} as r
        where t.{{ token }} = r.id_token and t.{{ key }} <> r.person_key;
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
{% macro spark__renumber(pairs) %}{% endmacro %}

{# Pre-hook: drop the rows that stand under a number which has since been replaced. #}
{% macro drop_renumbered() %}{{ return(adapter.dispatch('drop_renumbered')()) }}{% endmacro %}
{% macro duckdb__drop_renumbered() -%}
    {{ start_over() }}
    {%- if adds_to_existing() -%}
        delete from {{ this }}
        where person_key in (select r.id_token from {{ ref('int_person_renumbered') }} as r)
    {%- endif -%}
{%- endmacro %}
{% macro spark__drop_renumbered() %}{% endmacro %}
