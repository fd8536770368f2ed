{{ stage('emergency_call') }}
