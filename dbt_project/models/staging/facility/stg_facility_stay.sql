{{ stage('facility_stay') }}
