{{ stage('pension_payment') }}
