"""Read what a kernelspec says of how to start a kernel, and how to speak to it."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from traitlets import TraitError

from runner.config import KernelChoice
from runner.errors import ConfigurationError

_IPYKERNEL = {"ipykernel", "ipykernel_launcher"}


def read(name: str) -> KernelSpec:
    """Read a kernelspec.

    Raises:
        ConfigurationError: There is none of this name, or it cannot be read.
    """
    try:
        spec = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel as error:
        installed = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
        raise ConfigurationError(
            f"no kernel named {name!r} is installed; installed are: {installed}",
            hint="choose one of them in Jupyter and save the notebook, or by -k where a command has"
            f" that; `python -m ipykernel install --user --name {name}` makes one of this name",
        ) from error
    except (OSError, ValueError, TypeError, TraitError) as error:
        raise ConfigurationError(f"the kernelspec {name!r} cannot be read: {error}") from error
    if not spec.argv:
        raise ConfigurationError(f"the kernelspec {name!r} names no command")
    if _lacks_program(spec):
        raise ConfigurationError(
            f"the kernel {name!r} cannot be started: there is no program {spec.argv[0]}",
            hint="install it, or choose another kernel by -k NAME",
        )
    return spec


def _lacks_program(spec: KernelSpec) -> bool:
    """Tell whether the program of a kernel is known not to be there.

    Jupyter calls our own Python where one is named plainly, and fills in what stands in braces.
    """
    first = spec.argv[0]
    is_known = not first.startswith(("python", "{")) and "PATH" not in spec.env
    return is_known and shutil.which(first) is None


def chosen(name: str, language: str) -> KernelChoice:
    """Choose a kernel by its name, with the language of its kernelspec unless another is given.

    Raises:
        ConfigurationError: There is none of this name, or its kernelspec cannot be read.
    """
    said = str(read(name).language) if name else ""
    return KernelChoice(name=name, language=(language or said).lower())


def is_ipykernel(spec: KernelSpec) -> bool:
    """Tell whether a kernel is IPython's, so that it knows its options and unix sockets."""
    return not _IPYKERNEL.isdisjoint(spec.argv)


def has_our_python(name: str) -> bool:
    """Tell whether a kernel's Python is ours; not if it cannot be read or is not Python."""
    try:
        first = read(name).argv[0]
    except ConfigurationError:
        return False
    # Jupyter calls our own where one is named plainly.
    return first.startswith("python") or Path(first).parent == Path(sys.executable).parent


def endpoint(spec: KernelSpec, folder: Path) -> tuple[str, str]:
    """Say by what, and where, to speak to a kernel: unix sockets where both sides can.

    Others than IPython's may know only TCP, which is Jupyter's own way. And a folder may have
    too long a name for a socket, or lie where there can be none.
    """
    place = folder / "socket"
    if is_ipykernel(spec):
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.bind(f"{place}-0")
        except OSError:
            pass
        else:
            Path(f"{place}-0").unlink()
            return "ipc", str(place)
    return "tcp", "127.0.0.1"
