"""An agent as a program: it collects, keeps what cannot be sent, and sends."""
