{{ stage('policy_declaration') }}
