"""Stories of files that are written and executed, and of what looks like it."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

import plugin  # noqa: E402, F401 (declares the plugin)
from vedette_sdk import _raw, kind  # noqa: E402
from vedette_sdk.testkit import Act, Actor, Exec, Scene  # noqa: E402


def write(scene: Scene, actor: Actor, path: bytes, inode: int) -> int:
    return scene.tell(actor, Act(kind.OPEN, text=path, a=0o101, b=inode, c=1))


def execute(scene: Scene, actor: Actor, path: bytes, inode: int) -> int:
    scene.change(actor, exe=path)
    return scene.tell(actor, Act(kind.EXEC, text=path, a=inode, b=1))


class TestDropped(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = Scene()
        self.shell = self.scene.process(Exec("/bin/sh", "sh").shell())

    def test_a_download_that_is_executed(self) -> None:
        path = b"/tmp/\xff\xfetool"
        wrote = write(self.scene, self.shell, path, 77)
        child = self.scene.fork(self.shell)
        ran = execute(self.scene, child, path, 77)
        [finding] = self.scene.findings()
        self.assertEqual([e.event for e in finding.evidence], [wrote, ran])
        self.assertEqual(finding.severity, _raw.Severity.MEDIUM)
        self.assertEqual(self.scene.findings_reloaded(), [finding])

    def test_in_a_container_it_is_killed(self) -> None:
        self.scene.contain(self.shell, 9)
        write(self.scene, self.shell, b"/tmp/x", 77)
        execute(self.scene, self.scene.fork(self.shell), b"/tmp/x", 77)
        [finding] = self.scene.findings()
        self.assertEqual(finding.severity, _raw.Severity.HIGH)
        self.assertEqual(len(finding.proposals), 1)

    def test_another_file_another_lineage_or_too_late(self) -> None:
        other = self.scene.process(Exec("/usr/bin/python3", "python3").interpreter())
        write(self.scene, self.shell, b"/tmp/x", 77)
        execute(self.scene, self.scene.fork(self.shell), b"/tmp/x", 78)
        execute(self.scene, self.scene.fork(other), b"/tmp/x", 77)
        write(self.scene, self.shell, b"/tmp/y", 79)
        self.scene.wait(400)
        execute(self.scene, self.scene.fork(self.shell), b"/tmp/y", 79)
        self.assertEqual(self.scene.findings(), [])


if __name__ == "__main__":
    unittest.main()
