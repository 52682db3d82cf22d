"""What stands around notebooks where they are deployed: an image of them, and a project's folder.

In come notebooks; out go a dockerfile with pinned packages and a .dockerignore, the list of what is
installed (an SBOM), or a new project that trains and serves.
A change must keep that nothing of the user's is overwritten, no secret gets into an image, and all
that is printed is true of the notebook as it is.
"""
