{{ stage('medical_settlement') }}
