{{ stage('subsidy_payment') }}
