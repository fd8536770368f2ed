{{ stage('home_service_order') }}
