{{ stage('credit_list') }}
