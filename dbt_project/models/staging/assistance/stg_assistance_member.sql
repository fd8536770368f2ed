{{ stage('assistance_member') }}
