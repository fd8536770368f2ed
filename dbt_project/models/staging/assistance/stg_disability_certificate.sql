{{ stage('disability_certificate') }}
