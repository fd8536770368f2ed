{{ stage('employment_contribution') }}
