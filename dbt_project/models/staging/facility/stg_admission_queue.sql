{{ stage('admission_queue') }}
