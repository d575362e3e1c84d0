"""What the server speaks: a file for each protocol, with its routes and the form of its requests and answers."""
