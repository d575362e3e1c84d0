"""What requests bring: bodies of every form that the server offers, read to rows and encoded, without a server."""
