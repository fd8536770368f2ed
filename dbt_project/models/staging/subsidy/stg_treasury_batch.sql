{{ stage('treasury_batch') }}
