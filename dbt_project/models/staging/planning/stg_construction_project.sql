{{ stage('construction_project') }}
