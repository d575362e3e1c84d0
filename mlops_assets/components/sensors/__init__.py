"""What closes the loop, a sensor a file: each reads records, lets the lifecycle decide, and asks for runs."""
