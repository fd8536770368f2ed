{{ stage('facility') }}
