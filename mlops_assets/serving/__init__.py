"""The prediction server: one process answers for every deployed model, and follows the ledger."""
