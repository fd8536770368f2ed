{{ stage('health_institution') }}
