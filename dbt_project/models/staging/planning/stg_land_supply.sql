{{ stage('land_supply') }}
