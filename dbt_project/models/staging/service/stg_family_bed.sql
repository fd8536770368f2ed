{{ stage('family_bed') }}
