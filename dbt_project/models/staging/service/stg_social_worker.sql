{{ stage('social_worker') }}
