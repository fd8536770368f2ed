{{ stage('recovery') }}
