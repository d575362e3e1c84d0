"""What the bodies and sensors of monitoring share: who is watched, which windows, what the ledger is told."""
