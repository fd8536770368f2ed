{{ stage('home_adaptation') }}
