"""Tests of ``ttci.tests``, the suite that ships to users."""
