"""Helpers that several tests share; there are no tests here."""
