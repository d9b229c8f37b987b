"""tracksmith turns sequence-to-function models into genome browser tracks."""

__version__ = "0.1.0"
