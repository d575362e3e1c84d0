"""What may happen to a model, and on what evidence: a file for each thing that people do, under one check."""
