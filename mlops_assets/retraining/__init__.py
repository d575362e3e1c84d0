"""When a model is trained again: policies as pure functions of history, and their replay."""
