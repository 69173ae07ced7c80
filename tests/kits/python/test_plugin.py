"""What the test kit answers, natively and in the sandbox."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "vendor/vedette/sdk/python/src"))

import plugin  # noqa: E402, F401 (declares the plugin)
from vedette_sdk import Failure, kind, state, timer  # noqa: E402
from vedette_sdk.context import Socket  # noqa: E402
from vedette_sdk.file import ElfFacts, Facts  # noqa: E402
from vedette_sdk.testkit import Act, Exec, Scene, reset  # noqa: E402
from vedette_sdk.values import container_mark, failure  # noqa: E402

MOUNT = 6


def given() -> Scene:
    scene = Scene()
    scene.list("b", "192.0.2.0/24 a network\n192.0.2.7 a host")
    scene.list("a", f"*.evil.example\n{'aa' * 32} a file")
    scene.list("a", "192.0.2.0/24")
    elf = ElfFacts(interpreter="/lib/ld.so", needed=["libc.so.6", "libm.so.6"])
    scene.file(
        "/tmp/known",
        sha256=b"\xaa" * 32,
        content=b"\x7fELF and more",
        elf=elf,
        facts=Facts(size=7),
    )
    scene.file("/tmp/gone", failure=failure.NOT_FOUND)
    return scene


class TestKit(unittest.TestCase):
    def expect(self, scene: Scene, name: str) -> None:
        told = [finding.message for finding in scene.findings()]
        self.assertEqual(told, (HERE / name).read_text().splitlines())

    def quota(self, ask) -> None:
        with self.assertRaises(Failure) as caught:
            ask()
        self.assertEqual(caught.exception.number, failure.QUOTA)

    def test_what_is_given_is_answered(self) -> None:
        scene = given()
        actor = scene.process(Exec("/bin/sh", "sh").shell())
        scene.sockets(actor, [Socket(remote_port=443), Socket(remote_port=80)])
        scene.exec(actor, Exec("/tmp/known", "known"))
        scene.exec(actor, Exec("/tmp/gone", "gone"))
        scene.wait(6)
        self.expect(scene, "answers.txt")

    def test_what_is_known_of_a_container(self) -> None:
        scene = Scene()
        actor = scene.process(Exec("/bin/sh", "sh").shell())
        scene.contain(actor, 7)
        scene.exec(actor, Exec("/bin/early", "early"))
        mounts = [(MOUNT, 0, text) for text in (b"/:/host:rw", b"/srv:/data:ro")]
        scene.describe(actor, container_mark.HOST_PID, mounts)
        child = scene.fork(actor)
        scene.exec(child, Exec("/bin/late", "late"))
        marks = container_mark.PRIVILEGED
        scene.tell_alone(Act(kind.CONTAINER, b=marks, text=b"7", attrs=mounts))
        self.expect(scene, "described.txt")

    def test_what_is_not_given_is_unavailable(self) -> None:
        scene = Scene()
        actor = scene.process(Exec("/bin/sh", "sh").shell())
        scene.exec(actor, Exec("/tmp/known", "known"))
        self.expect(scene, "nothing.txt")

    def test_state_and_timers_have_their_limits(self) -> None:
        reset()
        for n in range(4096):
            timer.set(n, 1)
        self.quota(lambda: timer.set(5000, 1))
        timer.set(7, 2)
        value = bytes(65_530)
        for n in range(64):
            state.set(f"k{n:04}", value)
        self.quota(lambda: state.set("k9999", value))
        state.delete("k0000")
        state.set("k9999", value)


if __name__ == "__main__":
    unittest.main()
