{{ stage('special_difficulty') }}
