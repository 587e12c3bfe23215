"""What answers for pip when Pulumi's language host asks which packages are installed; see ``__main__``."""
