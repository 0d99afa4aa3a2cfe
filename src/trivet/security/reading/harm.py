"""Names in a pickle by which it could run code where it is unpickled."""

from typing import Final

__all__ = ["is_harmful"]

#: What no checkpoint has a use for.
MODULES: Final = frozenset(
    {"os", "posix", "nt", "sys", "subprocess", "pty", "shutil", "ctypes", "cffi", "signal", "socket", "ssl"}
    | {"http", "urllib", "urllib2", "httplib", "ftplib", "smtplib", "requests", "webbrowser", "runpy"}
    | {"importlib", "imp", "pkgutil", "codeop", "inspect", "gc", "pickle", "_pickle", "cPickle"}
    | {"cloudpickle", "dill", "joblib", "marshal", "shelve", "pdb", "bdb", "multiprocessing", "threading"}
    | {"_thread", "thread", "asyncio", "atexit", "timeit", "pip", "setuptools", "distutils", "site"}
)
#: What is also what people call the folder of their own code, whose modules have names in small letters.
FOLDERS: Final = frozenset({"code", "commands", "trace"})
#: Of other modules.
BEGINNINGS: Final = (
    *("operator.attrgetter", "operator.methodcaller", "_operator.attrgetter", "_operator.methodcaller"),
    *("torch.load", "torch.serialization.load", "torch.hub.", "torch.jit.load", "torch.utils.cpp_extension."),
    *("torch.storage._load_from_bytes", "torch.fx.", "numpy.load", "numpy.f2py.", "numpy.testing."),
    *("io.open", "_io.open", "io.FileIO", "_io.FileIO", "types.CodeType", "types.FunctionType"),
)
#: Of Python's own names.
BUILTINS: Final = frozenset(
    {"eval", "exec", "execfile", "compile", "open", "file", "__import__", "reload", "apply", "map", "filter"}
    | {"setattr", "delattr", "vars", "globals", "locals", "input", "raw_input", "breakpoint", "help"}
    | {"exit", "quit", "print", "super", "memoryview"}
)
#: Wherever a name goes through one of these, it leads out of the module that it begins with.
INSIDE: Final = frozenset(
    {"os", "posix", "nt", "sys", "subprocess", "pty", "shutil", "ctypes", "socket", "runpy", "importlib"}
    | {"builtins", "__builtins__", "__globals__", "__import__", "__subclasses__", "__code__", "__mro__"}
    | {"__base__", "__bases__", "__class__", "__dict__", "__loader__", "__spec__"}
)
#: Plain values of modules that are harmful otherwise.
PLAIN: Final = frozenset(
    {"inspect._empty", "inspect.Parameter", "inspect.Signature", "inspect._ParameterKind"}
    | {"inspect.Parameter.empty", "inspect.Signature.empty"}
)


def is_harmful(path: str) -> bool:
    """Return True if a pickle that names this could run code where it is unpickled."""
    module, *inside = path.split(".")
    if not INSIDE.isdisjoint(inside):
        return True
    if module in {"builtins", "__builtin__"}:
        return not BUILTINS.isdisjoint(inside)
    if module in FOLDERS:
        return len(inside) == 1 or inside[0][:1].isupper()
    return path not in PLAIN and (module in MODULES or path.startswith(BEGINNINGS))
