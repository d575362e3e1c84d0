"""How work is started and recorded: runs in this process, killed ones, a clock moved by hand, and services that are started together."""
