{{ stage('facility_inspection') }}
