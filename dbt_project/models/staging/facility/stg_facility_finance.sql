{{ stage('facility_finance') }}
