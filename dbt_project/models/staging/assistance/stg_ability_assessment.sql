{{ stage('ability_assessment') }}
