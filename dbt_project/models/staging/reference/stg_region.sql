{{ stage('region') }}
