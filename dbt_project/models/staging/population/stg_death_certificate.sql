{{ stage('death_certificate') }}
