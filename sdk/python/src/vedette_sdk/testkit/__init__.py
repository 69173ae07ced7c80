"""Runs a plugin natively over a story that a test tells: processes are born, execute, connect and
exit, and every event carries the rows of its moment, as the host would send them.

```python
from vedette_sdk.testkit import Exec, Scene
import plugin  # the module with the class of @plugin

def test_a_shell_is_seen():
    scene = Scene()
    parent = scene.process(Exec("/usr/sbin/nginx"))
    child = scene.fork(parent)
    scene.exec(child, Exec("/bin/sh", "sh", "-i").shell())
    [finding] = scene.findings()
    assert finding.rule == "shell" and finding.process == child.key
```

`context` answers from the story, `intel` from what `Scene.list` gives, `file` and `context.sockets`
from `Scene.file` and `Scene.sockets`. `state` and `timer` have the agent's limits.
"""

from .scene import Act, Actor, Exec, Fd, Scene
from .services import reset, seen

__all__ = ["Act", "Actor", "Exec", "Fd", "Scene", "reset", "seen"]
