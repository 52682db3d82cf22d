"""Show what stands below a folder, its services, runs and sweeps, to a browser that has the token.

In: control sockets, records, kept notebooks. Out: pages on the loopback, by Starlette. Whatever
these hold is hostile: it is escaped, and the policy lets no script of a page run. What changes
something needs the cookie, the page's own word and a browser that was on a page of ours.
"""
