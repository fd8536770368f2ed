{{ stage('medical_enrolment') }}
