"""What is to be computed: workloads, suites, the plan of trials. Needs NumPy alone."""
