{{ stage('subsidy_standard') }}
