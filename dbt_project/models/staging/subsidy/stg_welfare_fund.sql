{{ stage('welfare_fund') }}
