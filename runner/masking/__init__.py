"""Know secrets by their names, and give values and texts without them.

In come names, parameters, and what clients send; out go the same with a mask in place of what is
secret. Both worlds keep secrets by it: our processes out of the record, a kernel out of the
request log.
A change must not break: what was a secret stays one; who masks a text of which nobody knows where
its values end leaves out all of it; and the time that it takes grows with the text, and no faster.
"""
