{{ stage('complaint') }}
