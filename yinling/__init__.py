"""Yinling: the ties between the rooms — settings, command line, release."""
