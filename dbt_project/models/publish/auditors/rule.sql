-- The public register of rules.
select
    rule_id,
    rule_version,
    name_zh,
    name_en,
    family,
    class,
    severity,
    logic_zh,
    guards_zh,
    legal_basis,
    parameters,
    suspended,
    suspended_reason
from {{ ref('int_rule') }}
