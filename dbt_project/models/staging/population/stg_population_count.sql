{{ stage('population_count') }}
