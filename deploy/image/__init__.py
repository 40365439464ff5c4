"""The packages in the image of each process: a list of names each, hashes from requirements.lock."""
