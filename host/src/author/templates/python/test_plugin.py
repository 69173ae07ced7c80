"""Tests the code natively, over stories: `python3 -m unittest`."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "vendor/vedette/sdk/python/src"))

import plugin  # noqa: E402, F401 (declares the plugin)
from vedette_sdk.testkit import Exec, Scene  # noqa: E402
from vedette_sdk.values import process_mark  # noqa: E402


class TestPlugin(unittest.TestCase):
    def test_a_program_from_memory_is_found(self) -> None:
        scene = Scene()
        child = scene.fork(scene.process(Exec("/bin/bash", "bash").shell()))
        scene.exec(child, Exec("/memfd:x", "x").marked(process_mark.MEMFD_IMAGE))
        [finding] = scene.findings()
        self.assertEqual(finding.rule, "fileless")
        self.assertEqual(finding.process, child.key)

    def test_a_deleted_file_is_not(self) -> None:
        scene = Scene()
        child = scene.fork(scene.process(Exec("/bin/bash", "bash").shell()))
        scene.exec(child, Exec("/tmp/x", "x").marked(process_mark.DELETED_IMAGE))
        self.assertEqual(scene.findings(), [])


if __name__ == "__main__":
    unittest.main()
