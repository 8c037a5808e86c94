"""The consumer: how NornicDB builds a prompt, cuts it, reads a reply, and where it looks for models and settings."""
