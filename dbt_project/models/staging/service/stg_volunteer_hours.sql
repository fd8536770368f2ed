{{ stage('volunteer_hours') }}
