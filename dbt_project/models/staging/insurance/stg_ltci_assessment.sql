{{ stage('ltci_assessment') }}
