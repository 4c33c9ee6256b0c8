"""Functions as recordings hold them, written short."""

from __future__ import annotations

from callgraph_lab.model import Function

SITE = "/home/user/venv/lib/python3.11/site-packages"
LAB = "/home/user/lab"


def plain(name: str, *, file: str = "", stdlib: bool = False) -> Function:
    """Build a function from ``module:qualname``."""
    module, _, qualname = name.rpartition(":")
    return Function(module=module, qualname=qualname, file=file, stdlib=stdlib)


def method(name: str, *ancestors: str, file: str = "", stdlib: bool = False) -> Function:
    """Build a method from ``module:Class.method`` and its object's classes, the object's first."""
    module, _, qualname = name.rpartition(":")
    classes = ancestors or (f"{module}:{qualname.rpartition('.')[0]}",)
    return Function(
        module=module,
        qualname=qualname,
        file=file,
        class_name=classes[0],
        ancestors=classes,
        stdlib=stdlib,
    )


ASYNC = ("pyftpdlib.ioloop:AsyncChat", "asynchat:async_chat", "asyncore:dispatcher")
HANDLER = ("pyftpdlib.handlers.ftp.control:FTPHandler", *ASYNC)
MY_HANDLER = ("__main__:MyHandler", *HANDLER)

SCRIPT = plain("__main__:<module>", file=f"{LAB}/ftpServer.py")
MAIN = plain("__main__:main", file=f"{LAB}/ftpServer.py")
HELPER = plain("helper:help", file=f"{LAB}/helper.py")
OVERRIDE = method("__main__:MyHandler.ftp_STOR", *MY_HANDLER, file=f"{LAB}/ftpServer.py")
STOR = method("pyftpdlib.handlers.ftp.control:FTPHandler.ftp_STOR", *HANDLER)
READ_EVENT = method("asyncore:dispatcher.handle_read_event", *MY_HANDLER, stdlib=True)
EMIT = method("logging:StreamHandler.emit", stdlib=True)
FIND = plain(
    "importlib._bootstrap:_find_and_load", file="<frozen importlib._bootstrap>", stdlib=True
)
DUMPS = plain("json:dumps", file="/usr/lib/python3.11/json/__init__.py", stdlib=True)
GET = plain("requests.api:get", file=f"{SITE}/requests/api.py")
THREAD = Function(module="", qualname="logging.MainThread", kind="thread")

FTP_PROGRAM = (
    SCRIPT,
    MAIN,
    HELPER,
    OVERRIDE,
    STOR,
    READ_EVENT,
    EMIT,
    FIND,
    DUMPS,
    GET,
    THREAD,
)
OTHER_PROGRAM = (SCRIPT, MAIN, HELPER, EMIT, FIND, DUMPS, GET, THREAD)
