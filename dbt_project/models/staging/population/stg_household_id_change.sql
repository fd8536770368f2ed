{{ stage('household_id_change') }}
