"""What the steps of action.yml and of the reusable workflow do: ``python -m ttci.action STEP``.

Every value comes through the environment, and a step's outcome leaves through GITHUB_OUTPUT:
the step that tests ends well whatever it found, so that the report is still made; the last
step of a job ends with the verdict.
"""
