{{ stage('training_record') }}
