{{ stage('asset_check') }}
