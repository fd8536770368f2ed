{{ typed_rows('household_person') }}
