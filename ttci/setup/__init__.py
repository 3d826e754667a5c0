"""What a repository needs to begin with ttci: a manifest, a noxfile and a workflow, made of what is there."""
