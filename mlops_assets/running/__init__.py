"""How work is started and recorded: runs in this process, runs whose process was killed, and a clock that is moved by hand."""
