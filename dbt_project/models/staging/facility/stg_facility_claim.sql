{{ stage('facility_claim') }}
