"""The pages of the journey: what a holder sees in the browser. Holds a sealed cookie and nothing else."""
