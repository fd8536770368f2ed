{{ stage('ltci_claim') }}
