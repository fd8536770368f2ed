{{ stage('custody_period') }}
