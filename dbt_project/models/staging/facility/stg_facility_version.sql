{{ typed_rows('facility') }}
