"""Loads a plugin natively before it is built, and prints whether it hands over a snapshot.

What is wrong with a plugin's code is told here, by the author's own Python and in a second.
"""

import sys

try:
    import plugin  # noqa: F401 (declares itself)
    from vedette_sdk import _guest

    print("snapshot" if _guest.has_snapshot() else "plain")
except TypeError as error:
    sys.exit(f"plugin.py: {error}")
