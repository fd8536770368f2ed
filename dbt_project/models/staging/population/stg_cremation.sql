{{ stage('cremation') }}
