"""How the product is run: on one machine (`deploy.local`) and in a cluster (`k8s/`)."""
