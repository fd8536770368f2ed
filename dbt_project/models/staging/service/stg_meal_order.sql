{{ stage('meal_order') }}
