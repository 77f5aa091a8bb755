"""What a data editor asks for: what is made of what, by which program, checked by digests and described."""
