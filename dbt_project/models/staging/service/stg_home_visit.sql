{{ stage('home_visit') }}
