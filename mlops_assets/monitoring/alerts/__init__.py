"""Declared rules over what is measured: states, messages, channels, and what an alert asks for."""
