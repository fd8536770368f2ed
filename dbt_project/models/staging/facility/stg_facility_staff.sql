{{ stage('facility_staff') }}
