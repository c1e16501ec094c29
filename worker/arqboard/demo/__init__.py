"""Tasks that do real work on files the project makes, to be run by `arqboard up` and copied from."""
