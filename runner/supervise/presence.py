"""Have a service found below ``runs`` as long as it serves, also when its folder was removed there.

What commands look for, the lock, the mark of the notebook and the socket, is made again. If another
service of the notebook has come to the folder meanwhile, it is that one's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from runner import files
from runner.errors import ConfigurationError
from runner.record import folders
from runner.record.private_files import make_private_folder
from runner.supervise import control
from runner.supervise.detached_thread import in_a_thread
from runner.supervise.running import LOCK

log = logging.getLogger(__name__)

_EVERY = 1.0


class Presence:
    """Keep a service's place.

    Args:
        folder: Below ``runs``.
        notebook: What it serves.
        server: Listens there.
    """

    def __init__(self, folder: Path, notebook: Path, server: control.ControlServer) -> None:
        self._folder, self._notebook, self._server = folder, notebook, server
        self._locks = contextlib.ExitStack()
        self._said = ""

    async def keep(self) -> None:
        """Look after it until cancelled."""
        with self._locks:
            while True:
                await asyncio.sleep(_EVERY)
                if not await in_a_thread(self._server.is_found):
                    await self._come_back()

    async def _come_back(self) -> None:
        try:
            make_private_folder(self._folder)
            with contextlib.ExitStack() as unless_ours:
                is_free = unless_ours.enter_context(files.claim(self._folder / LOCK))
                # Whoever removed only the socket has left us our lock.
                if not is_free and control.is_listening(self._folder):
                    raise ConfigurationError("another service has come there")
                folders.take(self._folder, self._notebook)
                await self._server.open()
                if is_free:
                    self._locks.enter_context(unless_ours.pop_all())
        except (OSError, ConfigurationError) as error:
            if self._said != str(error):
                self._said = str(error)
                log.warning("%s is gone, so no command finds us: %s", self._folder, error)
        else:
            self._said = ""
            log.warning("%s was gone, and is made again", self._folder)
