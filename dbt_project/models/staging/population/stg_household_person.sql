{{ stage('household_person') }}
