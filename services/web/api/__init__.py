"""The JSON API for another front end: the pages' journey, through the same processes, grants and limits."""
