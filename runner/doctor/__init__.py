"""The doctor: say what would break when a notebook becomes a service, and the mend.

In come files: notebooks, the dockerfile, requirements.txt. Out go findings, in text or JSON,
and the exit code 7 if one is an error. Rules read what is written; whatever only shows when it
is run, `--dry-run` finds by having `runner serve` itself serve the notebook once.

A change must not let the doctor contradict `runner serve`: what that serves is no error here.
Rules that a well-kept tool has (detect-secrets, deptry, hadolint) are left to it.
"""
