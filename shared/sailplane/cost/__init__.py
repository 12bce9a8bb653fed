"""What Sailplane's use of Google Cloud costs: dated prices, bills, and estimates for a DAG."""
