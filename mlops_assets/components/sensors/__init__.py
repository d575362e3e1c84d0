"""What closes the loop, a sensor a file: what one tick reads, lets the lifecycle decide, and asks for."""
