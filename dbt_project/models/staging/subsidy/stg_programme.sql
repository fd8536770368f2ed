{{ stage('programme') }}
