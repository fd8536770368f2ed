{{ stage('health_contract') }}
