{{ stage('region_boundary') }}
