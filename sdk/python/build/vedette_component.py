"""The module that `vedette plugin build` makes a component of: the plugin's exports.

The author's module `plugin` declares the class; whether there is a `snapshot` to export the build
has found out, and chosen the world by it.
"""

import traceback

import plugin  # noqa: F401 (declares itself)
from componentize_py_types import Err
from vedette_sdk import _guest, _host, _plugin
from wit_world import exports

_instance: _plugin.Plugin | None = None
_log = _host.service("log")


def _running() -> _plugin.Plugin:
    if _instance is None:
        raise RuntimeError("the host calls init first")
    return _instance


def _refuse(error: Exception) -> Err:
    if isinstance(error, _plugin.Refused):
        return Err(str(error))
    return Err(_told(error))


def _told(error: Exception) -> str:
    """An exception and where in the plugin it was raised, on one line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"


class Detector(exports.Detector):
    def init(self, config):
        global _instance
        try:
            instance = _guest.start()
            _guest.init(instance, config)
        except Exception as error:
            raise _refuse(error) from None
        _instance = instance

    def detect(self, batch):
        try:
            return _guest.detect(_running(), batch)
        except Exception as error:
            # The host drops what a call did that ends so, but tells its last words.
            if not isinstance(_log, _host._Missing):
                _log.write(_log.Level.ERROR, _told(error))
            raise


if _guest.has_snapshot():

    class Snapshot(exports.Snapshot):
        def schema(self):
            return _running().SCHEMA

        def save(self):
            return _running().save()

        def restore(self, schema, data):
            try:
                _running().restore(schema, data)
            except Exception as error:
                raise _refuse(error) from None
