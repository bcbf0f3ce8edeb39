"""Main's own parts: building a session from settings, running it with a window or without, stopping it in order.

The top layer: it may import everything, and nothing imports it but main and the tests. The bundled exchange is started
from here as a child process only.
"""
