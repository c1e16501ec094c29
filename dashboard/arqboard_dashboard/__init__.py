"""The live dashboard for arq."""
